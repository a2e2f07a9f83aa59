/** Where a conversation stands in a list: newest message first, those without one last, ties by id. */
export interface ListKey {
  id: string;
  lastMessageAt: Date | null;
}

/** Order of conversation lists (messaging.md §11.1). */
export function compareListKeys(one: ListKey, other: ListKey): number {
  const [oneMs, otherMs] = [one.lastMessageAt?.getTime() ?? -Infinity, other.lastMessageAt?.getTime() ?? -Infinity];
  if (oneMs !== otherMs) return oneMs > otherMs ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

/**
 * One page out of two sorted sources: a long one that is read from an index, and a short one that is there as a whole.
 * Entries of the long source before `skip` stand before the page whatever the short one holds, so they are not read.
 */
export function planPage(page: { offset: number; limit: number }, shortLength: number) {
  const skip = Math.max(0, page.offset - shortLength);
  return {
    skip,
    take: page.offset - skip + page.limit,
    slice: <Entry extends ListKey>(long: Entry[], short: Entry[]): Entry[] =>
      [...long, ...short].sort(compareListKeys).slice(page.offset - skip, page.offset - skip + page.limit),
  };
}
