import fc from 'fast-check';
import { ownerViewEventsQuerySchema } from '../../contract/owner-views';
import {
  cursorOf,
  latestOf,
  mergeTimeline,
  presentCursor,
  wantedOf,
  type SourcePage,
  type TimelineCursor,
  type TimelineEntry,
} from '../../domain/timeline';

const START = Date.parse('2026-04-22T12:00:00.000Z');

/** A source that holds `entries` and gives no more than it is asked for, but all of the time at which it stops. */
function sourceOf(entries: TimelineEntry[], cursor: TimelineCursor, limit: number): SourcePage<TimelineEntry> {
  const sorted = entries
    .filter(({ at }) => at.getTime() <= latestOf(cursor))
    .sort((one, other) => other.at.getTime() - one.at.getTime());
  const wanted = wantedOf(cursor, limit);
  const last = sorted.length < wanted ? undefined : sorted[wanted - 1];
  if (last === undefined) return { entries: sorted, horizonMs: null };
  const given = sorted.filter(({ at }) => at.getTime() >= last.at.getTime());
  return { entries: given, horizonMs: last.at.getTime() - 1 };
}

/** The cursor as it comes back over the wire. */
function overTheWire(cursor: TimelineCursor): TimelineCursor {
  const { before } = ownerViewEventsQuerySchema.parse({ before: presentCursor(cursor) });
  if (before === null) throw new Error('a cursor is a timestamp');
  return cursorOf(before);
}

const source = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 30 });

test('pages of any size show every entry of all sources once, newest first, however many have one time', () => {
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 8 }), (sources, limit) => {
      const all = sources.map((times, index) =>
        times.map((ms, number) => ({ id: `${index}-${String(number).padStart(2, '0')}`, at: new Date(START + ms) })),
      );
      const seen: TimelineEntry[] = [];
      let cursor: TimelineCursor | null = { atMs: START + 1_000, skip: 0 };
      for (let pages = 0; cursor !== null; pages += 1) {
        expect(pages).toBeLessThan(200);
        const from: TimelineCursor = cursor;
        const page = mergeTimeline(
          all.map((entries) => sourceOf(entries, from, limit)),
          from,
          limit,
        );
        expect(page.entries.length).toBeLessThanOrEqual(limit);
        seen.push(...page.entries);
        cursor = page.next === null ? null : overTheWire(page.next);
      }
      expect(seen.map(({ id }) => id).sort()).toEqual(
        all
          .flat()
          .map(({ id }) => id)
          .sort(),
      );
      const times = seen.map(({ at }) => at.getTime());
      expect(times).toEqual([...times].sort((one, other) => other - one));
    }),
  );
});

test('a source that ends within a page bounds it, and the next page goes on there', () => {
  const at = (ms: number, id: string) => ({ id, at: new Date(START + ms) });
  const known = { entries: [at(9, 'a'), at(8, 'b')], horizonMs: START + 7 };
  const page = mergeTimeline(
    [known, { entries: [at(7, 'c'), at(5, 'd')], horizonMs: null }],
    { atMs: START + 10, skip: 0 },
    50,
  );
  expect(page.entries.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(page.next).toEqual({ atMs: START + 7, skip: 0 });
});

describe('times that callers send', () => {
  const latest = (before: string): string => {
    const parsed = ownerViewEventsQuerySchema.parse({ before });
    if (parsed.before === null) throw new Error('not a time');
    return new Date(latestOf(cursorOf(parsed.before))).toISOString();
  };

  test.each([
    ['2026-04-22T12:00:00.123Z', '2026-04-22T12:00:00.122Z'],
    ['2026-04-22T12:00:00Z', '2026-04-22T11:59:59.999Z'],
    ['2026-04-22T14:00:00.123+02:00', '2026-04-22T12:00:00.122Z'],
    ['2026-04-22T12:00:00.123000Z', '2026-04-22T12:00:00.122Z'],
    ['2026-04-22T12:00:00.123456Z', '2026-04-22T12:00:00.123Z'],
    ['2026-04-22T12:00:00.1Z', '2026-04-22T12:00:00.099Z'],
  ])('strictly older than %s is up to %s', (before, expected) => {
    expect(latest(before)).toBe(expected);
  });

  test.each(['yesterday', '2026-13-45T99:99:99Z', '2026-04-22', '12:00', '2026-04-22T12:00:00', 'null', '0'])(
    '%s is refused',
    (before) => {
      expect(ownerViewEventsQuerySchema.safeParse({ before }).success).toBe(false);
    },
  );
});
