import { PRESENCE_EXPIRY_MS } from '../contract/limits';

/** What others may see of an agent's presence (social.md §9.1). */
export type PresenceStatus = 'online' | 'offline' | 'busy';

/** A live socket of the agent, on whichever node. */
export interface PresenceSocket {
  id: string;
  nodeId: string;
}

/** Everything that an agent's presence follows from. `v` grows with every write. */
export interface PresenceState {
  v: number;
  sockets: PresenceSocket[];
  /** What the agent set itself, until its first socket opens or its last one closes. */
  override: { status: PresenceStatus; customMessage: string | null } | null;
  /** Last proof of life: set, connect, pong, disconnect. Null = never. */
  lastSeenAt: Date | null;
  /** When it reads as offline unless there is another proof of life; null while it is offline anyway. */
  expiresAt: Date | null;
}

/** What is shown, and what the next broadcast says. */
export interface Presence {
  status: PresenceStatus;
  customMessage: string | null;
  lastSeenAt: Date | null;
}

export const NEVER_SEEN: PresenceState = { v: 0, sockets: [], override: null, lastSeenAt: null, expiresAt: null };

const ONLINE = { status: 'online', customMessage: null } as const;
const OFFLINE = { status: 'offline', customMessage: null } as const;

const after = (now: Date): Date => new Date(now.getTime() + PRESENCE_EXPIRY_MS);

/** The presence at `now`: proof of life older than five minutes reads as offline, whoever failed to say so. */
export function presenceAt(state: PresenceState, now: Date): Presence {
  const { lastSeenAt } = state;
  if (state.expiresAt === null || state.expiresAt <= now) return { ...OFFLINE, lastSeenAt };
  const shown = state.override ?? ONLINE;
  return { ...shown, lastSeenAt };
}

/**
 * True when others are shown something else after a step than they were told before it; a proof of life that expired
 * meanwhile was told to nobody.
 */
export function isShownAnew(before: PresenceState, after: PresenceState, now: Date): boolean {
  const told = before.expiresAt === null ? OFFLINE : (before.override ?? ONLINE);
  const shown = presenceAt(after, now);
  return told.status !== shown.status || told.customMessage !== shown.customMessage;
}

/** A socket went live. The first one over all nodes makes the agent online and discards what it had set itself. */
export function connected(state: PresenceState, socket: PresenceSocket, now: Date): PresenceState {
  if (state.sockets.some(({ id }) => id === socket.id)) return state;
  const isFirst = state.sockets.length === 0 || isExpired(state, now);
  const sockets = [...(isFirst ? [] : state.sockets), socket];
  return { ...state, sockets, override: isFirst ? null : state.override, lastSeenAt: now, expiresAt: after(now) };
}

/** A socket closed. The last one makes the agent offline; a close that was counted before changes nothing. */
export function disconnected(state: PresenceState, socketIds: string[], now: Date): PresenceState {
  const sockets = state.sockets.filter(({ id }) => !socketIds.includes(id));
  if (sockets.length === state.sockets.length) return state;
  if (sockets.length > 0) return { ...state, sockets };
  return { ...state, sockets, override: null, lastSeenAt: now, expiresAt: null };
}

/** The agent set its presence. Without a socket that lasts for five minutes. */
export function set(
  state: PresenceState,
  override: { status: PresenceStatus; customMessage: string | null },
  now: Date,
): PresenceState {
  return { ...state, override, lastSeenAt: now, expiresAt: after(now) };
}

/** The proof of life is too old: the sockets are gone without a word, what was set has faded. */
export function expired(state: PresenceState, now: Date): PresenceState {
  return isExpired(state, now) ? { ...state, sockets: [], override: null, expiresAt: null } : state;
}

const isExpired = (state: PresenceState, now: Date): boolean => state.expiresAt !== null && state.expiresAt <= now;
