import { objectOf } from './turns';

/** Long answers are several messages, and users read them as one (gateway.md §8.4). */

/** Which part of a reply a message is. */
export interface ReplyPart {
  /** What all parts of one reply have in common. */
  reply: string;
  index: number;
  total: number;
}

/** Parts of a reply that are joined at most: an answer has 256 KiB, in messages of 28,000 bytes ten of them. */
const PARTS_MAX = 64;

/** Reads which part a message is. @param metadata whatever an agent wrote: everything that is not as described is no part */
export function partOf(metadata: Record<string, unknown>): ReplyPart | null {
  const { part, execution_id: executionId } = objectOf(metadata['gateway']);
  const { index, total } = objectOf(part);
  if (!isCount(index) || !isCount(total) || index >= total || total < 2 || total > PARTS_MAX) return null;
  return { reply: JSON.stringify([metadata['reply_to'] ?? null, executionId ?? null]), index, total };
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0;

/** True for a part behind which there is another one. */
export const goesOn = (part: ReplyPart | null): boolean => part !== null && part.index < part.total - 1;

/** Messages that are read as one. */
export interface JoinedReply<Item> {
  /** Oldest first. */
  items: Item[];
  /** Of the oldest of them. */
  part: ReplyPart | null;
}

/** True when nothing is missing before it. */
export const isWhole = ({ part }: JoinedReply<unknown>): boolean => part === null || part.index === 0;

/**
 * Takes the next older message of a conversation: it completes a reply whose later parts were seen, or is one by itself.
 * What came between two parts of a reply stays where it is.
 * @param seen replies that were seen so far, newest first; changed by the call
 */
export function joinBackwards<Item>(seen: JoinedReply<Item>[], item: Item, part: ReplyPart | null): void {
  const rest = part === null ? undefined : seen.find((joined) => joined.part !== null && isBefore(part, joined.part));
  if (rest === undefined) {
    seen.push({ items: [item], part });
    return;
  }
  rest.items.unshift(item);
  rest.part = part;
}

const isBefore = (one: ReplyPart, other: ReplyPart): boolean =>
  one.reply === other.reply && one.total === other.total && one.index + 1 === other.index;
