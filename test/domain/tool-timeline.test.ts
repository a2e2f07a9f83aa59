import { summaryOf, timelineOf, type TurnTools } from '../../domain/tool-timeline';
import type { ToolCall } from '../../domain/turn-report';

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000);
const call = (id: string, startedAt: Date | null, endedAt: Date | null = null): ToolCall => ({
  id,
  name: `tool ${id}`,
  input: '{}',
  output: endedAt === null ? null : '"x"',
  isError: false,
  durationMs: startedAt === null || endedAt === null ? null : endedAt.getTime() - startedAt.getTime(),
  startedAt,
  endedAt,
});
const turn = (executionId: string, calls: ToolCall[], endedAt: Date | null = null): TurnTools => ({
  executionId,
  endedAt,
  calls,
});

describe('the timeline of an agent (gateway.md §4.4)', () => {
  test('of nothing it is idle zeros', () => {
    expect(timelineOf([], at(0), 200)).toEqual({
      entries: [],
      active: null,
      counts: new Map(),
      calls: 0,
      durationMs: 0,
      startedAt: null,
    });
  });

  test('calls of all turns are in one order, the newest first, and counted by their tool', () => {
    const turns = [
      turn('exe_a', [call('x', at(1), at(3)), call('y', at(5), at(6))], at(7)),
      turn('exe_b', [call('x', at(2), at(4))], at(8)),
    ];
    const { entries, ...rest } = timelineOf(turns, at(0), 200);
    expect(entries.map(({ executionId, call: { id } }) => [executionId, id])).toEqual([
      ['exe_a', 'y'],
      ['exe_b', 'x'],
      ['exe_a', 'x'],
    ]);
    const counts = new Map([
      ['tool y', 1],
      ['tool x', 2],
    ]);
    expect(rest).toEqual({ active: null, counts, calls: 3, durationMs: 5_000, startedAt: at(1) });
  });

  test('the call that began last of those under way is the active one; an ended turn has none', () => {
    const open = turn('exe_a', [call('x', at(1)), call('y', at(2)), call('z', at(3), at(4))]);
    expect(timelineOf([open], at(0), 200).active?.call.id).toBe('y');
    const ended = timelineOf([{ ...open, endedAt: at(9) }], at(0), 200);
    expect(ended.active).toBeNull();
    expect(ended.entries.map(({ isRunning, endedAt }) => [isRunning, endedAt])).toEqual([
      [false, at(4)],
      [false, at(9)],
      [false, at(9)],
    ]);
  });

  test('what began before the window, and what only an answer told of, has no place in it', () => {
    const turns = [turn('exe_a', [call('old', at(1), at(9)), call('edge', at(5)), call('told', null)])];
    const { entries, calls } = timelineOf(turns, at(5), 200);
    expect([entries.map(({ call: { id } }) => id), calls]).toEqual([['edge'], 1]);
  });

  test('entries are bounded, counts are not', () => {
    const calls = Array.from({ length: 300 }, (_, index) => call('x', at(index), at(index + 1)));
    const timeline = timelineOf([turn('exe_a', calls)], at(0), 200);
    expect([timeline.entries.length, timeline.calls, timeline.entries[0]?.call.startedAt]).toEqual([200, 300, at(299)]);
    expect(timeline.counts.get('tool x')).toBe(300);
  });

  test('a summary is the beginning of a text, or of JSON, and never half a character', () => {
    expect([summaryOf('"a text"'), summaryOf('{"q":1}')]).toEqual(['a text', '{"q":1}']);
    const long = summaryOf(JSON.stringify(`${'x'.repeat(198)}🙂🙂`));
    expect(long).toBe(`${'x'.repeat(198)}…`);
  });
});
