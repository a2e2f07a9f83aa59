import { isVisible } from '../../../domain/guards';
import { NEVER_SEEN, presenceAt, type Presence } from '../../../domain/presence';
import { findInBook } from '../../../store/contacts/directory';
import { withoutBlocked } from '../../../store/presence/audience';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import type { PresenceService } from './presence';

/** Of whoever was never seen, and of whomever one may not see. */
export const UNKNOWN_PRESENCE: Presence = presenceAt(NEVER_SEEN, new Date(0));

/**
 * The presence of those of `accounts` that `viewerId` may see (social.md §9.2), by id: itself, and contacts without a
 * block between the two.
 */
export async function findShownPresence(
  deps: { database: Database; presence: PresenceService },
  viewerId: string,
  accounts: Pick<Agent, '_id' | 'status'>[],
): Promise<Map<string, Presence>> {
  const { database, presence } = deps;
  const ids = accounts.filter(({ status }) => isVisible(status)).map(({ _id }) => _id);
  const own = ids.filter((id) => id === viewerId);
  const saved = await findInBook(database, viewerId, ids);
  const contacts = await withoutBlocked(database, viewerId, [...saved]);
  const seen = [...new Set([...own, ...contacts])];
  const states = await presence.read(seen);
  return new Map(seen.map((id) => [id, states.get(id) ?? UNKNOWN_PRESENCE]));
}
