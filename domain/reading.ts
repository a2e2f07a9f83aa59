import { visibleFloor } from './history';

/** What a reader did in one conversation, as the rules see it (`store/schema/collections/read-states.ts`). */
export interface ReaderState {
  hiddenUpTo: number;
  joinedSeq: number;
  settled: number;
}

/** Where an agent stands in a conversation: what it received in this stay, and what it did with it. */
export interface ReaderPlace {
  joinedSeq: number;
  received: number;
  reader: ReaderState;
}

/** Messages that count as unread: received in this stay, and neither read, nor hidden, nor before the cut-off. */
export function countUnread({ joinedSeq, received, reader }: ReaderPlace): number {
  return received - settledIn(reader, joinedSeq);
}

/** A state that was written in an earlier stay in the group settles nothing of this one. */
function settledIn(reader: ReaderState, joinedSeq: number): number {
  return reader.joinedSeq === joinedSeq ? reader.settled : 0;
}

/** An envelope as reading and hiding look at it. */
export interface ReadableEnvelope {
  seq: number;
  unread?: 'shown' | 'hidden';
}

/**
 * The reader's state after `rows` were read or hidden. Only what counted as unread settles anything.
 * @param joinedSeq of the stay; null for an agent that is not in the conversation any more
 */
export function settle<State extends ReaderState>(
  reader: State,
  joinedSeq: number | null,
  rows: ReadableEnvelope[],
): State {
  if (joinedSeq === null) return reader;
  const floor = visibleFloor({ joinedSeq, hiddenUpTo: reader.hiddenUpTo });
  const counted = rows.filter(({ seq, unread }) => unread === 'shown' && seq >= floor).length;
  return { ...reader, joinedSeq, settled: settledIn(reader, joinedSeq) + counted };
}
