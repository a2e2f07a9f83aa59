import type { AgentReader } from '../store/agents';
import type { EmailCaps } from '../store/transactions/create-agent';
import { createDeleteAccount, type DeleteAccount } from './account-deletion';
import type { KeySwapDeps } from './key-swap';
import { createRecovery, type Recovery } from './recovery';
import { createRegistration, type Registration } from './registration';
import { createRotation, type Rotation } from './rotation';

/** What makes, ends and re-keys accounts. */
export interface Accounts {
  registration: Registration;
  recovery: Recovery;
  rotation: Rotation;
  deleteAccount: DeleteAccount;
}

export function createAccounts(deps: KeySwapDeps & { agents: AgentReader; caps: EmailCaps }): Accounts {
  return {
    registration: createRegistration(deps),
    recovery: createRecovery(deps),
    rotation: createRotation(deps),
    deleteAccount: createDeleteAccount(deps),
  };
}
