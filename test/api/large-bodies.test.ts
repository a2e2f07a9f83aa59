import { monitorEventLoopDelay } from 'node:perf_hooks';
import { z } from 'zod';
import { publicRoute } from '../../api/http/route';
import { messageRoutes } from '../../api/routes/v1/messages';
import { createMetrics } from '../../platform/metrics';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { createCommitter } from '../../store/sending/committer';
import { call, createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { startProbeApi } from '../support/probe-api';
import { use } from '../support/use';

const KIB = 1_024;
/** What one request may keep all others waiting for is 20 ms; slow machines and the client of the test share the loop. */
const BLOCK_MS_MAX = 50;

/** An object or array of as many parts as fit into so many bytes. */
function filled([open, close]: readonly [string, string], bytes: number, part: (index: number) => string): string {
  const parts: string[] = [];
  for (let length = 2; length < bytes - 32; length += (parts.at(-1)?.length ?? 0) + 1) parts.push(part(parts.length));
  return open + parts.join(',') + close;
}
const OBJECT = ['{', '}'] as const;
const ARRAY = ['[', ']'] as const;

/** JSON of so many bytes that is slow to parse, to go through or to put into order; and how a send of it is refused. */
const SLOW: [string, 400 | 413, (bytes: number) => string][] = [
  ['keys like whole numbers', 413, (bytes) => filled(OBJECT, bytes, (at) => `"${at}":1`)],
  ['scattered whole numbers as keys', 413, (bytes) => filled(OBJECT, bytes, (at) => `"${(at * 7_919_777) % 4e9}":1`)],
  ['keys that are all different', 413, (bytes) => filled(OBJECT, bytes, (at) => `"k${at.toString(36)}":1`)],
  ['objects that are all different', 413, (bytes) => `{"a":${filled(ARRAY, bytes, (at) => `{"k${at}":0}`)}}`],
  ['brackets in brackets', 400, (bytes) => `{"a":${'['.repeat(bytes / 2 - 8)}${']'.repeat(bytes / 2 - 8)}}`],
];

/** A body must not keep everybody else waiting: what is refused is refused before it is parsed. */
describe('large bodies', () => {
  const database = useDatabase();

  const api = use(
    () => {
      const agents = createAgentReader(database);
      const log = createLogger('test', 'silent');
      const clock = { now: () => new Date() };
      const committer = createCommitter({ database, agents, clock, log, limitRate: false, observe: () => undefined });
      const probe = publicRoute(
        {
          method: 'POST',
          path: '/v1/probe',
          operationId: 'probe',
          summary: '',
          tag: 'Probe',
          auth: 'none',
          request: { body: z.object({}) },
          responses: { 200: { description: '' } },
          errors: [],
        },
        async (ctx) => ({ status: 200, body: { keys: Object.keys(await ctx.readBody()).length } }),
      );
      const routes = [...messageRoutes({ database, committer, metrics: createMetrics() }), probe];
      return startProbeApi(database.db.databaseName, routes);
    },
    ({ stop }) => stop(),
  );
  // Nobody has to answer what a system agent opens.
  const sender = use(() => createTestAgent(database, { isSystem: true }));
  const recipient = use(() => createTestAgent(database));

  let sent = 0;
  const bodyOf = (content: string, more = '') =>
    `{"to":"${recipient.agent.handle}","client_msg_id":"large-${(sent += 1)}","content":${content}${more}}`;
  const post = (path: string, body: string) =>
    call(api.baseUrl, 'POST', path, { key: sender.apiKey, body }).then(({ status, body: { code } }) => [status, code]);

  /**
   * The longest block of the event loop while `work` ran; the shortest of several, since what else the machine does comes
   * and goes, and what is run for the first time is slow.
   */
  async function longestBlock(work: () => Promise<unknown>): Promise<number> {
    let shortestMs = Infinity;
    for (let round = 0; round < 10 && shortestMs >= BLOCK_MS_MAX; round += 1) {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await work();
      delay.disable();
      shortestMs = Math.min(shortestMs, delay.max / 1e6);
    }
    return shortestMs;
  }

  test.each(SLOW)('a send of %s is refused without holding up the loop', async (_, status, make) => {
    // Known from now on: what a cached caller sends is looked at again behind the look-up.
    expect(await post('/v1/messages', bodyOf('{"text":"hello"}'))).toEqual([201, undefined]);
    for (const [bytes, expected] of [
      [255 * KIB, status],
      [1_023 * KIB, 413],
    ] as const) {
      const body = bodyOf(`{"data":${make(bytes)}}`);
      let answer: unknown[] = [];
      const blockMs = await longestBlock(async () => (answer = await post('/v1/messages', body)));
      expect(answer).toEqual([expected, expected === 400 ? 'VALIDATION_ERROR' : 'CONTENT_TOO_LARGE']);
      expect(blockMs).toBeLessThan(BLOCK_MS_MAX);
    }
  });

  test.each(SLOW)('conventions.md §15: %s are refused by every other route, too', async (_, _status, make) => {
    const body = make(1_023 * KIB);
    let answer: unknown[] = [];
    const blockMs = await longestBlock(async () => (answer = await post('/v1/probe', body)));
    expect(answer).toEqual([400, 'VALIDATION_ERROR']);
    expect(blockMs).toBeLessThan(BLOCK_MS_MAX);
  });

  test('the slowest body that is a message holds nobody up either', async () => {
    const data = filled(OBJECT, 32_000, (at) => `"${at}":${at % 10}`);
    const unknown = filled(ARRAY, 100 * KIB, (at) => `{"${at}":"${'x'.repeat(60)}"}`);
    const answers: unknown[] = [];
    const blockMs = await longestBlock(async () =>
      answers.push(await post('/v1/messages', bodyOf(`{"data":${data}}`, `,"unknown":${unknown}`))),
    );
    expect(answers).toEqual(answers.map(() => [201, undefined]));
    expect(blockMs).toBeLessThan(BLOCK_MS_MAX);
  });

  test('messaging.md §3.1: a send of 256 KiB is read, one byte more is 413', async () => {
    const body = bodyOf('{"text":"hello"}');
    const read = await post('/v1/messages', body.padEnd(256 * KIB));
    expect(read).toEqual([201, undefined]);
    expect(await post('/v1/messages', body.padEnd(256 * KIB + 1))).toEqual([413, 'CONTENT_TOO_LARGE']);
  });
});
