import type { ContactView } from '../contract/social';
import type { ContactRow } from '../store/contacts/contacts';
import { avatarUrl } from './avatar';

/** An entry of a contact book with the account as it is now (social.md §2.1). */
export function presentContact({ contact, agent }: ContactRow, publicBaseUrl: string): ContactView {
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    status: agent.status,
    notes: contact.note,
    added_at: contact.addedAt.toISOString(),
  };
}
