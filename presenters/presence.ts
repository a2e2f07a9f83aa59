import type { PresenceView } from '../contract/presence';
import type { Presence } from '../domain/presence';

/** Presence as whoever may see it is shown it (social.md §9.1). */
export function presentPresence(handle: string, { status, customMessage, lastSeenAt }: Presence): PresenceView {
  return { handle, status, custom_message: customMessage, last_seen: lastSeenAt?.toISOString() ?? null };
}
