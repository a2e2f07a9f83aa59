/**
 * Pages of a feed that is merged from several sources, newest first, with times as cursors. Several entries may have one
 * time, so a cursor may also say how many of its millisecond were shown.
 */
export interface TimelineCursor {
  /** Entries before this time, and of it only those after the first `skip`. */
  atMs: number;
  skip: number;
}

export interface TimelineEntry {
  id: string;
  at: Date;
}

/** What a source could say: all of its entries that are later than `horizonMs` are there; null = all that it has. */
export interface SourcePage<Entry> {
  entries: Entry[];
  horizonMs: number | null;
}

export interface TimelinePage<Entry> {
  entries: Entry[];
  next: TimelineCursor | null;
}

/** Digits behind the milliseconds, which is how a cursor says within a timestamp how far it came. */
const FINE_DIGITS = 4;
const FINE_MAX = 10 ** FINE_DIGITS;

/** More entries of one millisecond are not told apart: a cursor behind them goes on with the next. */
const SKIP_MAX = 1_000;

/**
 * The cursor of a time that a caller sent, `fine` being its digits behind the milliseconds. Our own cursors have four
 * of them (`presentCursor`); anybody else's finer time has all of its millisecond before it but for zeros.
 */
export function cursorOf({ atMs, fine }: { atMs: number; fine: string }): TimelineCursor {
  if (/^0*$/.test(fine)) return { atMs, skip: Infinity };
  if (fine.length !== FINE_DIGITS) return { atMs, skip: 0 };
  const skip = FINE_MAX - Number(fine);
  return { atMs, skip: skip > SKIP_MAX ? Infinity : skip };
}

/** A cursor as a timestamp that is later than everything which comes after it, and than nothing before. */
export function presentCursor({ atMs, skip }: TimelineCursor): string {
  const time = new Date(atMs).toISOString();
  if (skip > SKIP_MAX) return time;
  return skip === 0 ? presentCursor({ atMs: atMs + 1, skip: Infinity }) : `${time.slice(0, -1)}${FINE_MAX - skip}Z`;
}

/** How many entries a source must give so that a page of `limit` behind the cursor is complete, and one more. */
export function wantedOf(cursor: TimelineCursor, limit: number): number {
  return limit + (cursor.skip === Infinity ? 0 : cursor.skip) + 1;
}

/** The last time that entries behind the cursor may have. */
export function latestOf({ atMs, skip }: TimelineCursor): number {
  return skip === Infinity ? atMs - 1 : atMs;
}

/**
 * One page of what the sources gave together. A source that did not give everything bounds how far down the page may
 * go; then it may be shorter than `limit`, and the next one goes on where it ended.
 */
export function mergeTimeline<Entry extends TimelineEntry>(
  sources: SourcePage<Entry>[],
  cursor: TimelineCursor,
  limit: number,
): TimelinePage<Entry> {
  const horizonMs = Math.max(...sources.map((source) => source.horizonMs ?? -Infinity));
  const known = sources
    .flatMap(({ entries }) => entries)
    .filter(({ at }) => at.getTime() > horizonMs && at.getTime() <= latestOf(cursor))
    .sort(compareEntries);
  const skipped = cursor.skip === Infinity ? 0 : Math.min(cursor.skip, countAt(known, cursor.atMs));
  const entries = known.slice(skipped, skipped + limit);
  const last = entries.at(-1);
  if (known.length > skipped + limit && last !== undefined) return { entries, next: cursorAfter(last, known) };
  // Nothing more is known: go on at the horizon, which is before the cursor, or the feed has ended.
  return { entries, next: horizonMs === -Infinity ? null : { atMs: horizonMs, skip: 0 } };
}

function compareEntries(one: TimelineEntry, other: TimelineEntry): number {
  const ms = other.at.getTime() - one.at.getTime();
  return ms !== 0 ? ms : one.id > other.id ? -1 : 1;
}

const countAt = (entries: TimelineEntry[], atMs: number): number =>
  entries.filter(({ at }) => at.getTime() === atMs).length;

/** Behind `last`: its millisecond is skipped up to it, or as a whole when nothing of it is left. */
function cursorAfter<Entry extends TimelineEntry>(last: Entry, known: Entry[]): TimelineCursor {
  const atMs = last.at.getTime();
  const ofTime = known.filter(({ at }) => at.getTime() === atMs);
  const shown = ofTime.indexOf(last) + 1;
  return { atMs, skip: shown === ofTime.length ? Infinity : shown };
}
