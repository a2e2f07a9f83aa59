/** Pages of what happened to a webhook, merged from its log and its agent's inbox, oldest first (webhooks.md §11.2). */

/** One row of a source. Of the inbox some only say how far it was read. */
export interface Happening {
  atMs: number;
  /** False of what is passed over. */
  isWanted: boolean;
}

/** What a source gave: in its order, times never falling. */
export interface EventSource<Row extends Happening> {
  rows: Row[];
  /** There is more behind the last row. */
  isFull: boolean;
}

export interface EventPage<Row extends Happening> {
  /** Both sources' rows in one order, up to where the page ends. */
  rows: Row[];
  /** There is something behind it. */
  isMore: boolean;
}

/**
 * The oldest rows of both sources, until `wantedMax` of them are wanted. Not beyond what a source that gave only a part
 * can speak for: what it holds next may be older than what the other one has.
 * @param wantedMax at least 1, so that every page gets further
 */
export function mergeHappenings<Row extends Happening>(sources: EventSource<Row>[], wantedMax: number): EventPage<Row> {
  const horizons = sources.flatMap(({ rows, isFull }) => (isFull ? (rows.at(-1)?.atMs ?? Infinity) : Infinity));
  const horizonMs = Math.min(...horizons);
  const all = sources.flatMap(({ rows }) => rows).sort((one, other) => one.atMs - other.atMs);
  const page: Row[] = [];
  let wanted = 0;
  for (const row of all) {
    if (row.atMs > horizonMs || (row.isWanted && wanted === wantedMax)) break;
    if (row.isWanted) wanted += 1;
    page.push(row);
  }
  return { rows: page, isMore: page.length < all.length || sources.some(({ isFull }) => isFull) };
}
