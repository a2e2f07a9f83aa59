import { NUMBER, shape, collection } from './collection';

/**
 * What one agent has done with one conversation as its reader. `_id` = `<agent>:<conversation>`; no row = nothing yet.
 * Written by reads and hides of this agent alone, never by sends: so a sender and the reader never wait for each other.
 * `v` grows with each write, so that reads and hides at once come one after the other.
 */
export interface ReadState {
  _id: string;
  v: number;
  agentId: string;
  conversationId: string;
  /** Messages up to here are invisible to the agent for ever: the cut-off of its last hide of the conversation. 0 = none. */
  hiddenUpTo: number;
  /** The stay that `settled` counts in: another `joinedSeq` means that the agent joined anew, and nothing is settled. */
  joinedSeq: number;
  /** Received messages of the stay that count as unread no more: read, hidden, or before the cut-off. */
  settled: number;
}

export const readStateId = (agentId: string, conversationId: string): string => `${agentId}:${conversationId}`;

/** The state of a reader that has done nothing yet: `v` 0 means that writing it is an insert. */
export function newReadState(agentId: string, conversationId: string): ReadState {
  const _id = readStateId(agentId, conversationId);
  return { _id, v: 0, agentId, conversationId, hiddenUpTo: 0, joinedSeq: 1, settled: 0 };
}

/**
 * Messages that an agent hid, as ranges of `seq` without a gap between them: two ranges never touch, so between two of
 * them is always a visible message, and a page of history looks at no more ranges than it has rows. `_id` names the
 * end, so that lists find the range in which a conversation ends.
 */
export interface HiddenRange {
  _id: string;
  agentId: string;
  conversationId: string;
  from: number;
  to: number;
}

export const hiddenRangeId = (agentId: string, conversationId: string, to: number): string =>
  `${agentId}:${conversationId}:${to}`;

export const readStates = collection<ReadState>({
  schema: shape({
    _id: 'string',
    v: NUMBER,
    agentId: 'string',
    conversationId: 'string',
    hiddenUpTo: NUMBER,
    joinedSeq: NUMBER,
    settled: NUMBER,
  }),
  indexes: [],
});

export const hiddenRanges = collection<HiddenRange>({
  schema: shape({ _id: 'string', agentId: 'string', conversationId: 'string', from: NUMBER, to: NUMBER }),
  indexes: [
    // findHiddenBefore, isHidden
    { name: 'agent_conversation_from', key: { agentId: 1, conversationId: 1, from: 1 }, unique: true },
    // findHiddenAfter
    { name: 'agent_conversation_to', key: { agentId: 1, conversationId: 1, to: 1 }, unique: true },
  ],
});
