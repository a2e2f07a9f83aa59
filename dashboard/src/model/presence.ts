import type { Presence } from './wire';
import { agoLabel } from './times';

/** The line below a peer's name (dashboard.md §9). Its free text is never shown. */
export function presenceLine(peer: { handle: string; presence: Presence }, nowMs: number): string {
  const { status, last_seen: lastSeen } = peer.presence;
  if (status === 'online') return 'Active now';
  if (status === 'busy') return 'Busy';
  return lastSeen === null ? `@${peer.handle}` : `Last seen ${agoLabel(lastSeen, nowMs)}`;
}
