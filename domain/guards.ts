/**
 * The guard documents (ARCHITECTURE.md, "fact → guard document"): every fact that a decision about a send rests
 * on lives in one of them, and each accepted send writes those it relied on. `v` is another with every write, so a write
 * that expects the `v` it loaded fails when anything changed in between.
 */

export type AccountStatus = 'active' | 'restricted' | 'suspended' | 'deleted';
/** Who made an account restricted or suspended: the community's blocks and reports, or an operator. */
export type StatusSource = 'community' | 'operator';
export type PauseMode = 'none' | 'send' | 'full';
export type InboxMode = 'open' | 'contacts_only';

/** What two agents are to each other, with or without a conversation. `_id` = `pair:<a>:<b>`, ids in ascending order. */
export interface PairGuard {
  _id: string;
  v: number;
  /** Null until the first accepted message. */
  conversationId: string | null;
  createdAt: Date | null;
  updatedAt: Date | null;
  lastMessageAt: Date | null;
  /** The seq that the next message gets; starts at 1. */
  nextSeq: number;
  /** The agent whose message created the conversation. */
  initiatedBy: string | null;
  /** True for ever once the other side has written. */
  established: boolean;
  /** Messages of each of the two, by agent id: what a side received is all others. */
  sent: Record<string, number>;
  /** Ids of those of the two whose list shows the conversation: both, until one hides it; again both with a message. */
  listedFor: string[];
  /** Ids of those of the two who block the other. */
  blockedBy: string[];
  /** Ids of those of the two who have the other in their contact book. */
  contactsOf: string[];
}

/** An unanswered conversation that this agent opened. */
export interface ColdOpener {
  pairId: string;
  openedAt: Date;
}

/** An agent as a sender. `_id` = `sender:<agent id>`. */
export interface SenderGuard {
  _id: string;
  v: number;
  status: AccountStatus;
  /** Absent = community. */
  statusSource?: StatusSource;
  pausedByOwner: PauseMode;
  /** Grows with each new API key. */
  keyVersion: number;
  /** Shown beside every message; kept here so that a send needs no read of the agent. */
  displayName: string | null;
  /** Sends counted in one calendar second (epoch seconds). */
  window: { second: number; count: number };
  /** Outstanding cold threads, oldest first; at most COLD_OUTREACH_MAX within the window, older ones pruned on write. */
  coldOpeners: ColdOpener[];
  /** Who has claimed the agent on the dashboard; absent = nobody. */
  ownerId?: string | null;
  /** Of a guest of the gateway: the agents that it may write to. Absent = an agent. */
  guestOf?: string[];
}

/** The writing end of an agent's inbox. `_id` = `inbox-in:<agent id>`. */
export interface InboxInGuard {
  _id: string;
  v: number;
  /** The delivery position that the next envelope gets; starts at 1. */
  nextPosition: number;
  /** Envelopes ever stored. Less `dequeued` of the reading end it is at least the backlog (`store/inbox/backlog.ts`). */
  enqueued: number;
  status: AccountStatus;
  pausedByOwner: PauseMode;
  inboxMode: InboxMode;
  /** Webhooks of the agent, also inactive ones: at most WEBHOOKS_MAX; 0 = no intent for them is written. */
  webhooks: number;
  /**
   * Grows with every webhook that is created or switched off or on; absent = 0. Intents carry it, so that none reaches a
   * webhook that came later or was off then.
   */
  webhookVersion?: number;
  /** Grows with every change of the owner's pause; absent = 0. */
  pauseEpoch?: number;
  /** The last end of a full pause: what it owes to sockets that were open then. Absent = there was none. */
  release?: Release;
  /**
   * The first delivery position of which webhooks were not told: there while `isSilenced`, and after it until a release
   * has told them of everything. While it is there messages make no intents: they join the end of that queue.
   */
  silentFrom?: number;
  /** There while what came in a silence that ended is being told to webhooks. */
  releasing?: Releasing;
  /** Grows with every mute write; 0 again with the last mute gone: then the mutes need not be read. */
  muteVersion: number;
  /** Random, for ever the same: makes delivery ids unguessable. */
  salt: string;
  /** Who has claimed the agent on the dashboard; absent = nobody. */
  ownerId?: string | null;
  /** Groups that the agent left or lost whose older envelopes are not all rewritten yet. Absent = none. */
  writtenOff?: WrittenOff[];
  /** Of a guest of the gateway: the agents that may write to it; nobody else sees it. Absent = an agent. */
  guestOf?: string[];
}

/** The queue that a full pause left: envelopes up to a delivery position that were stored when it ended. */
export interface Release {
  /** `pauseEpoch` since its end. */
  epoch: number;
  upTo: number;
  at: Date;
}

/** The webhooks of which the release tells: those that were there when the silence ended. */
export interface Releasing {
  webhookVersion: number;
  at: Date;
}

/**
 * Stored envelopes of one conversation before a delivery position count as delivered since `at`, although their rows
 * may still say `stored`: readers leave them out, acks do not count them. Here and not at the reading end of the inbox,
 * because a deletion writes this end of every member anyway and must not compete with all their acks.
 */
export interface WrittenOff {
  conversationId: string;
  beforePosition: number;
  at: Date;
}

/** The reading end of an agent's inbox. `_id` = `inbox-out:<agent id>`. Never written by sends. */
export interface InboxOutGuard {
  _id: string;
  v: number;
  /** So many envelopes at least have left `stored`, as the last count of the rows proved. */
  dequeued: number;
  /** There while the backlog was near its limits when it was counted: then whoever takes rows out of `stored` says so. */
  isNear?: boolean;
  /** Steps of those who said so; absent = 0. */
  moves?: number;
  /** `moves` as of the last count: while they are equal, the count is exact. */
  countedMoves?: number;
  /** The position up to which the agent last acknowledged over REST; absent = never. A release skips what is before it. */
  syncedUpTo?: number;
}

/** Who writes an agent into a contact book, and whoever changes what books show of it. `_id` = `listed:<agent id>`. */
export interface ListedGuard {
  _id: string;
  v: number;
}

/** `pair:<a>:<b>` with the ids in ascending order: one document whoever asks. */
export function pairId(one: string, other: string): string {
  return one < other ? `pair:${one}:${other}` : `pair:${other}:${one}`;
}

/** A guard's kind stands in its `_id`. */
export const isSenderGuard = (guard: { _id: string }): guard is SenderGuard => guard._id.startsWith('sender:');

export const senderGuardId = (agentId: string): string => `sender:${agentId}`;
export const inboxInId = (agentId: string): string => `inbox-in:${agentId}`;
/** Whose inbox the guard with this `_id` is. */
export const agentOfInbox = (guardId: string): string => guardId.slice(inboxInId('').length);
export const inboxOutId = (agentId: string): string => `inbox-out:${agentId}`;
export const listedId = (agentId: string): string => `listed:${agentId}`;

/** True for accounts that handles resolve to and lists show: everybody else is neither found nor shown. */
export function isVisible(status: AccountStatus): boolean {
  return status === 'active' || status === 'restricted';
}

/** True while nothing is sent to the agent's webhooks: new events make no intents, and what waits is held. */
export function isSilenced({ status, pausedByOwner }: Pick<InboxInGuard, 'status' | 'pausedByOwner'>): boolean {
  return pausedByOwner === 'full' || status === 'suspended' || status === 'deleted';
}

/** True when what happens to the agent now is an intent for its webhooks. */
export function takesIntents(inbox: Pick<InboxInGuard, 'webhooks' | 'status' | 'pausedByOwner'>): boolean {
  return inbox.webhooks > 0 && !isSilenced(inbox);
}

/**
 * The same of a new message: one that comes while older ones are still to be told joins their end (`releaseStep`), so
 * that none overtakes them.
 */
export function takesMessageIntents(
  inbox: Pick<InboxInGuard, 'webhooks' | 'status' | 'pausedByOwner' | 'silentFrom'>,
): boolean {
  return takesIntents(inbox) && inbox.silentFrom === undefined;
}

/** A pair that nobody wrote yet: `v` 0 means that writing it is an insert. */
export function emptyPair(id: string): PairGuard {
  return {
    _id: id,
    v: 0,
    conversationId: null,
    createdAt: null,
    updatedAt: null,
    lastMessageAt: null,
    nextSeq: 1,
    initiatedBy: null,
    established: false,
    sent: {},
    listedFor: [],
    blockedBy: [],
    contactsOf: [],
  };
}
