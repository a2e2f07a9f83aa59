import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import Koa from 'koa';
import { writeStream } from '../../api/http/stream-reply';
import { eventStream } from '../../api/turns/event-stream';
import { followTurn } from '../../api/turns/follow-turn';
import { watchTurn } from '../../api/turns/watch-turn';
import { publicRoute } from '../../api/http/route';
import { EVENT_STREAM } from '../../contract/endpoints-gateway';
import { createLogger } from '../../platform/logger';
import { loadExecution } from '../../store/gateway/executions';
import { newEvent } from '../../store/gateway/events';
import { createTurnFollower } from '../../store/gateway/follow';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import { useDatabase } from '../support/database';
import { pace } from '../support/pace';
import { probeEndpoint, useProbeApis } from '../support/probe-api';
import { use } from '../support/use';
import { waitFor } from '../support/wait';

/** What a tool may say at once, and as often as makes a stream that no buffers between two processes hold. */
const RESULT_BYTES = 16_000;
const RESULTS = 2_000;
const MIB = 1_048_576;
/** What the system buffers between the two processes, at most. */
const BETWEEN_BYTES_MAX = 12 * MIB;

/** A client that reads its answer only when it is told to. */
class Reader {
  bytes = 0;
  isOver = false;
  private readonly socket: Socket;
  private readonly hash = createHash('sha256');

  constructor(baseUrl: string, path: string) {
    this.socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isOver = true));
    this.socket.pause();
    this.socket.write(`GET ${path} HTTP/1.0\r\nHost: probe\r\n\r\n`);
  }

  /** Everything to the end: its hash, without the head of the answer, whose id and date differ. */
  async readAll(): Promise<string> {
    let head: string | null = '';
    this.socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (head === null) return void this.hash.update(chunk);
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.hash.update(Buffer.from(head.slice(end + 4), 'latin1'));
      head = null;
    });
    this.socket.resume();
    await waitFor(() => this.isOver, { describe: `the end of a stream, behind ${this.bytes} bytes` });
    return this.hash.digest('hex');
  }

  end(): void {
    this.socket.destroy();
  }
}

describe('readers of streams that are slower than what they read', () => {
  const database = useDatabase({ isMonitored: true });
  const log = createLogger('test', 'silent');
  const follower = use(
    () => createTurnFollower({ database, log }),
    (opened) => opened.close(),
  );
  /** What was made for each reader so far, in the order in which they came. */
  const made: { bytes: number; isOver: boolean }[] = [];
  const route = publicRoute(
    probeEndpoint('GET', '/probe', {
      auth: 'none',
      responses: { 200: { description: 'A stream', mediaType: EVENT_STREAM } },
    }),
    async (ctx) => {
      const execution = await loadExecution(database, 'exe_slow');
      if (execution === null) throw new Error('no turn');
      const turns = {
        follow: (id: string, after: number, signal: AbortSignal) =>
          followTurn({ database, follower }, id, after, [signal]),
        load: () => Promise.resolve(execution),
        isClosing: () => false,
      };
      const records = watchTurn(turns, { execution, after: 0, signal: ctx.whenGone() });
      return {
        status: 200,
        stream: { type: `${EVENT_STREAM}; charset=utf-8`, records: counted(eventStream('slow', records, true)) },
      };
    },
  );
  const [api] = useProbeApis([route], {});

  async function* counted(records: AsyncIterable<string>): AsyncGenerator<string> {
    const reader = { bytes: 0, isOver: false };
    made.push(reader);
    try {
      for await (const record of records) {
        reader.bytes += record.length;
        yield record;
      }
    } finally {
      reader.isOver = true;
    }
  }

  beforeAll(async () => {
    const now = new Date();
    const execution: GatewayExecution = {
      _id: 'exe_slow',
      sessionId: 'ses_slow',
      agentId: 'agt_slow',
      guestId: 'agt_guest',
      principal: 'owner:own_slow',
      channel: 'chat',
      status: 'completed',
      message: 'Go',
      wantsStream: true,
      rank: 0,
      hints: {},
      messageId: null,
      response: '',
      replies: [],
      error: null,
      lastEvent: RESULTS + 1,
      queuedBehind: 0,
      queuedAt: now,
      startedAt: now,
      completedAt: now,
      waitUntil: now,
      deadlineAt: now,
    };
    await database.gatewayExecutions.insertOne(execution);
    const output = 'x'.repeat(RESULT_BYTES);
    for (let first = 1; first <= RESULTS; first += 500) {
      const numbers = Array.from({ length: 500 }, (_, index) => first + index);
      const data = { id: 't1', output, is_error: false, duration_ms: 1 };
      await database.gatewayEvents.insertMany(
        numbers.map((n) => newEvent(execution, { n, type: 'tool_result', data, at: now })),
      );
    }
    const end = { n: RESULTS + 1, type: 'end', data: { status: 'completed' }, at: now } as const;
    await database.gatewayEvents.insertOne(newEvent(execution, end));
  });

  test('gateway.md §12.1: a reader that stalls is not read for any further, and gets all once it reads', async () => {
    let pageBytesMax = 0;
    database.client.on('commandSucceeded', ({ commandName, reply }) => {
      if (commandName !== 'find') return;
      // The parse point of the server's answer.
      const { cursor } = reply as { cursor: { firstBatch: unknown[] } };
      pageBytesMax = Math.max(pageBytesMax, cursor.firstBatch.length * RESULT_BYTES);
    });
    const stalled = new Reader(api.baseUrl, '/probe');
    await waitFor(() => (made[0]?.bytes ?? 0) > 0);
    // By the time that another one has all of it, what is made for who reads nothing would be all, too.
    const quick = new Reader(api.baseUrl, '/probe');
    const whole = await quick.readAll();
    expect(made[1]?.bytes).toBeGreaterThan(RESULTS * RESULT_BYTES);
    expect([made[0]?.bytes, (made[0]?.bytes ?? 0) < BETWEEN_BYTES_MAX]).toEqual([made[0]?.bytes, true]);
    // What waits in the process for its reader is one page.
    expect([pageBytesMax, pageBytesMax <= MIB]).toEqual([pageBytesMax, true]);
    expect(await stalled.readAll()).toBe(whole);
    expect(stalled.bytes).toBe(quick.bytes);
  });

  test('gateway.md §12.1: a reader that takes nothing of what waits for it is let go after a while', async () => {
    const ends: string[] = [];
    async function* endless(name: string, pauseAt: number): AsyncGenerator<string> {
      try {
        for (let count = 0; ; count += 1) {
          if (count === pauseAt) await pace(3_000, 'a stream that has nothing to say for a while');
          yield `data: ${'x'.repeat(RESULT_BYTES)}\n\n`;
        }
      } finally {
        ends.push(name);
      }
    }
    const app = new Koa();
    app.silent = true;
    app.use((ctx) => {
      const records = ctx.path === '/stalled' ? endless('stalled', -1) : endless('quick', 1);
      writeStream(ctx, { type: EVENT_STREAM, records }, 1_000);
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // The parse point of a listening server's address: it is not a pipe.
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [stalled, quick] = [new Reader(baseUrl, '/stalled'), new Reader(baseUrl, '/quick')];
    try {
      const reading = quick.readAll();
      await waitFor(() => ends.length > 0);
      // Who reads is let go neither while it waits nor later.
      await waitFor(() => quick.bytes > 100 * RESULT_BYTES);
      expect([ends, quick.isOver]).toEqual([['stalled'], false]);
      quick.end();
      await reading;
    } finally {
      [stalled, quick].forEach((reader) => reader.end());
      server.close();
    }
    await waitFor(() => ends.includes('quick'));
  });
});
