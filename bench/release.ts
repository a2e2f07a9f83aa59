import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { createLogger } from '../platform/logger';
import { createOrders } from '../store/nodes/orders';
import { setPause } from '../store/accounts/set-pause';
import { fillConversations } from './fill';
import { readOptions } from './options';
import { report, type Figure } from './report';
import { openSocket } from './sockets';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';

const { runs: RUNS, rows: ROWS, sockets: SOCKETS, json } = readOptions({ runs: 3, rows: 10_000, sockets: 2 });

interface Run {
  firstMs: number;
  allMs: number;
  ackedMs: number;
}

/** The end of a full pause over a queue of many rows, with sockets that acknowledge each frame: dashboard.md §8.5 G11, G13. */
async function main(): Promise<void> {
  const stack = await startBenchStack({ apis: 2 });
  const agents = await makeAgents(stack.database, 4 * (RUNS + 1));
  const runs: Run[] = [];
  try {
    // The first warms up and is not counted.
    for (let run = 0; run <= RUNS; run += 1) {
      const [reader, ...peers] = agents.slice(4 * run, 4 * run + 4);
      if (reader === undefined) throw new Error('an agent is needed');
      const measured = await releaseOnce(stack, reader, peers);
      if (run > 0) runs.push(measured);
    }
  } finally {
    await stack.stop();
  }
  report('bench:release', figuresOf(runs), json);
}

async function releaseOnce(stack: BenchStack, reader: BenchAgent, peers: BenchAgent[]): Promise<Run> {
  const { database } = stack;
  const orders = createOrders({ database, log: createLogger('bench', 'silent') });
  await setPause(database, reader.id, 'full', new Date());
  const sockets: WebSocket[] = [];
  for (let index = 0; index < SOCKETS; index += 1) {
    sockets.push(await openSocket(`${stack.apis[index % stack.apis.length]?.baseUrl}/v1/ws`, reader.key, 'ack'));
  }
  await fillConversations(database, {
    hub: reader,
    peers,
    perConversation: Math.ceil((2 * ROWS) / peers.length),
    stored: ROWS,
  });
  const { first, all } = consume(sockets);
  const startMs = performance.now();
  await setPause(database, reader.id, 'none', new Date());
  await orders.give({ kind: 'recheck', agentId: reader.id });
  const firstMs = (await first) - startMs;
  const allMs = (await all) - startMs;
  while ((await database.envelopes.countDocuments({ recipientId: reader.id, status: 'stored' })) > 0) {
    await sleep(50);
  }
  const ackedMs = performance.now() - startMs;
  for (const socket of sockets) socket.removeAllListeners('close').terminate();
  return { firstMs, allMs, ackedMs };
}

/** Acknowledges every message; resolves with the times of the first frame and of the last on the slowest socket. */
function consume(sockets: WebSocket[]): { first: Promise<number>; all: Promise<number> } {
  const firsts: Promise<number>[] = [];
  const lasts: Promise<number>[] = [];
  for (const socket of sockets) {
    let count = 0;
    let onFirst: (ms: number) => void = () => undefined;
    firsts.push(new Promise((resolve) => (onFirst = resolve)));
    lasts.push(
      new Promise((resolve) => {
        socket.on('message', (data) => {
          // The parse point of frames.
          const frame = JSON.parse(String(data)) as { type: string; payload?: { id: string } };
          if (frame.type !== 'message.new') return;
          socket.send(JSON.stringify({ type: 'ack', message_id: frame.payload?.id }));
          count += 1;
          if (count === 1) onFirst(performance.now());
          if (count === ROWS) resolve(performance.now());
        });
      }),
    );
  }
  const latest = async (times: Promise<number>[]): Promise<number> => Math.max(...(await Promise.all(times)));
  return { first: latest(firsts), all: latest(lasts) };
}

function figuresOf(runs: Run[]): Figure[] {
  return [
    { name: 'release.first_frame_ms', unit: 'ms', values: runs.map(({ firstMs }) => firstMs) },
    { name: 'release.all_rows_s', unit: 's', values: runs.map(({ allMs }) => allMs / 1_000) },
    { name: 'release.all_acked_s', unit: 's', values: runs.map(({ ackedMs }) => ackedMs / 1_000) },
    { name: 'release.rows_per_s', unit: '/s', values: runs.map(({ allMs }) => ROWS / (allMs / 1_000)) },
  ];
}

void main();
