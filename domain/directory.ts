import { isVisible, type AccountStatus } from './guards';

/** What decides whether the directory shows an account. */
export interface Listing {
  status: AccountStatus;
  isSystem: boolean;
  settings: { discoverable: boolean };
}

/** Active and restricted accounts that did not opt out; system agents always (identity.md §14, D-17). */
export function isListed({ status, isSystem, settings }: Listing): boolean {
  return isVisible(status) && (isSystem || settings.discoverable);
}
