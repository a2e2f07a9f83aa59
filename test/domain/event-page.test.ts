import { mergeHappenings, type EventSource, type Happening } from '../../domain/event-page';

describe('pages of a log and an inbox (webhooks.md §11.2)', () => {
  type Row = Happening & { name: string };
  const row = (name: string, atMs: number, isWanted = true): Row => ({ name, atMs, isWanted });
  const source = (isFull: boolean, ...rows: Row[]): EventSource<Row> => ({ rows, isFull });
  const pageOf = (sources: EventSource<Row>[], wantedMax = 10) => {
    const { rows, isMore } = mergeHappenings(sources, wantedMax);
    return [rows.map(({ name }) => name).join(''), isMore];
  };

  test('both sources are one list, oldest first', () => {
    expect(pageOf([source(false, row('a', 1), row('c', 3)), source(false, row('b', 2))])).toEqual(['abc', false]);
    expect(pageOf([source(false), source(false)])).toEqual(['', false]);
  });

  test('a page goes no further than a source that gave only a part can speak for', () => {
    const log = source(true, row('a', 1), row('c', 3));
    const inbox = source(false, row('b', 2), row('d', 9));
    expect(pageOf([log, inbox])).toEqual(['abc', true]);
  });

  test('what is passed over counts for nothing but is passed', () => {
    const inbox = source(true, row('a', 1, false), row('b', 2), row('c', 3, false), row('d', 4), row('e', 5, false));
    expect(pageOf([inbox, source(false)], 1)).toEqual(['abc', true]);
    expect(pageOf([inbox, source(false)], 2)).toEqual(['abcde', true]);
  });

  test('every page gets further, whatever the sources gave', () => {
    const same = source(true, row('a', 5), row('b', 5));
    expect(pageOf([same, source(true, row('c', 7))], 1)).toEqual(['a', true]);
    expect(pageOf([source(true, row('x', 9, false)), source(true, row('y', 9, false))])).toEqual(['xy', true]);
  });
});
