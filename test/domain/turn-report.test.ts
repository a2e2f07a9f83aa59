import fc from 'fast-check';
import { callsOf, dollarsOf, keptCalls, readReport, readToolCalls, readUsage } from '../../domain/turn-report';

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

describe('what an answer has cost (gateway.md §8.2)', () => {
  test('a usage is read as it is told', () => {
    const usage = {
      input_tokens: 12,
      output_tokens: 34,
      cost_usd: 0.0012,
      model: 'm-1',
      context_used: 5,
      context_max: 9,
    };
    expect(readReport({ gateway: { usage } }).usage).toEqual({
      inputTokens: 12,
      outputTokens: 34,
      costNanos: 1_200_000,
      model: 'm-1',
      contextUsed: 5,
      contextMax: 9,
    });
  });

  test('what is not as described counts as absent, and of nothing there is no usage', () => {
    expect(readUsage({ input_tokens: -1, output_tokens: 3.5, cost_usd: '1', model: 7, context_used: 1e18 })).toBeNull();
    expect(readUsage({ input_tokens: 1, cost_usd: Number.POSITIVE_INFINITY, model: '' })).toEqual({
      inputTokens: 1,
      outputTokens: 0,
      costNanos: null,
      model: null,
      contextUsed: null,
      contextMax: null,
    });
    for (const value of [undefined, null, [], 'x', 1, {}]) expect([value, readUsage(value)]).toEqual([value, null]);
    expect(readUsage({ model: 'x'.repeat(1_000) })?.model).toHaveLength(100);
  });

  test('sums of costs are exact', () => {
    const nanos = [0.1, 0.2].map((cost) => readUsage({ cost_usd: cost })?.costNanos ?? 0);
    expect(dollarsOf(nanos.reduce((sum, one) => sum + one, 0))).toBe(0.3);
  });

  test('whatever an agent writes, reading it ends in numbers that are stored as they are', () => {
    fc.assert(
      fc.property(fc.object(), (gateway) => {
        const { usage, toolCalls } = readReport({ gateway });
        for (const value of Object.values(usage ?? {})) {
          if (typeof value === 'number') expect(Number.isSafeInteger(value)).toBe(true);
        }
        expect(keptCalls([], toolCalls).length).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('calls of tools that stay with a turn', () => {
  const call = (id: string, seconds: number, more: object = {}) => ({
    type: 'tool_call',
    data: { id, name: `tool ${id}`, input: { q: id }, ...more },
    at: at(seconds),
  });
  const result = (id: string, seconds: number, more: object = {}) => ({
    type: 'tool_result',
    data: { id, output: 'found', is_error: false, duration_ms: null, ...more },
    at: at(seconds),
  });

  test('a call has its result, and lasted as long as its agent says, else as long as it took', () => {
    const calls = callsOf([
      call('a', 0),
      call('b', 1),
      result('b', 3, { duration_ms: 5 }),
      result('a', 4),
      result('x', 5),
    ]);
    expect(calls).toEqual([
      {
        id: 'a',
        name: 'tool a',
        input: '{"q":"a"}',
        output: '"found"',
        isError: false,
        durationMs: 4_000,
        startedAt: at(0),
        endedAt: at(4),
      },
      expect.objectContaining({ id: 'b', durationMs: 5, endedAt: at(3) }),
    ]);
    expect(callsOf([call('a', 0)])).toMatchObject([{ output: null, endedAt: null, durationMs: null }]);
  });

  test('calls that only the answer tells of come behind the others, each once', () => {
    const told = callsOf([call('a', 0), result('a', 1)]);
    const kept = keptCalls(
      told,
      readToolCalls([{ id: 'a', name: 'again' }, { name: 'other', output: [1] }, { id: 'x' }, 7]),
    );
    expect(kept.map(({ id, name, startedAt }) => [id, name, startedAt])).toEqual([
      ['a', 'tool a', at(0)],
      ['call_2', 'other', null],
    ]);
  });

  test('of a long value the beginning is kept, and of many values those that there is room for', () => {
    const calls = callsOf(
      Array.from({ length: 300 }, (_, index) => call(`c${index}`, 0, { input: { text: '🙂'.repeat(2_000) } })),
    );
    const kept = keptCalls(calls, []);
    expect(kept).toHaveLength(100);
    const texts = kept.flatMap(({ input }) => input ?? []);
    for (const text of texts) expect(String(JSON.parse(text)).endsWith('…')).toBe(true);
    expect([texts.length > 10, texts.length < 40]).toEqual([true, true]);
    expect(texts.join('').length).toBeLessThanOrEqual(65_536);
    expect(kept.at(-1)).toMatchObject({ name: 'tool c99', input: null });
  });
});
