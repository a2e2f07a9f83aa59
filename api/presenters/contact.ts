import type { ContactView } from '../../contract/social';
import type { ContactRow } from '../../store/contacts';

/** An entry of a contact book with the account as it is now (social.md §2.1). */
export function presentContact({ contact, agent }: ContactRow, publicBaseUrl: string): ContactView {
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: agent.avatarKey === null ? null : `${publicBaseUrl}/avatars/${agent.avatarKey}`,
    status: agent.status,
    notes: contact.note,
    added_at: contact.addedAt.toISOString(),
  };
}
