import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { fillConversations } from './fill';
import { measureIdleMemory } from './idle-memory';
import { readOptions } from './options';
import { median, quantile, report, type Figure } from './report';
import { openSocket } from './sockets';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';

const RUNS = 3;
const BACKLOG = 10_000;
const PACED_PER_S = 50;

const options = readOptions({ sockets: 10_000, 'per-agent': 10, seconds: 6 });
const { sockets: SOCKETS, 'per-agent': PER_AGENT } = options;
const PACED_MS = options.seconds * 1_000;

interface Bench extends BenchStack {
  pools: Pool[];
}

let sent = 0;

async function send(bench: Bench, node: number, from: BenchAgent, to: BenchAgent, text: string): Promise<string> {
  const id = `realtime-${(sent += 1)}`;
  const response = await bench.pools[node]?.request({
    method: 'POST',
    path: '/v1/messages',
    headers: { authorization: `Bearer ${from.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: to.handle, client_msg_id: id, content: { text } }),
  });
  await response?.body.dump();
  if (response?.statusCode !== 201) throw new Error(`a send answered ${response?.statusCode}`);
  return id;
}

/** POST on the first node to the frame on the second, at a steady pace. */
async function lags(bench: Bench, from: BenchAgent, to: BenchAgent): Promise<number[]> {
  const socket = await openSocket(`${bench.apis[1]?.baseUrl}/v1/ws`, to.key);
  const postedMs = new Map<string, number>();
  const durations: number[] = [];
  socket.on('message', (data) => {
    // The parse point of frames.
    const frame = JSON.parse(String(data)) as { payload?: { client_msg_id: string } };
    const startedMs = postedMs.get(frame.payload?.client_msg_id ?? '');
    if (startedMs !== undefined) durations.push(performance.now() - startedMs);
  });
  const pending: Promise<unknown>[] = [];
  const startedMs = performance.now();
  for (let index = 0; performance.now() - startedMs < PACED_MS; index += 1) {
    await sleep(Math.max(0, startedMs + (index * 1000) / PACED_PER_S - performance.now()));
    postedMs.set(`realtime-${sent + 1}`, performance.now());
    pending.push(send(bench, 0, from, to, 'a message of usual length, say'));
  }
  await Promise.all(pending);
  await sleep(500);
  socket.removeAllListeners('close').terminate();
  return durations;
}

/** The same while a reader that stopped gets large messages. */
async function lagsWhileStalled(bench: Bench, [a, b, c, d]: BenchAgent[]): Promise<number[]> {
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four agents');
  const stalled = await openSocket(`${bench.apis[1]?.baseUrl}/v1/ws`, d.key);
  stalled.pause();
  let isDone = false;
  const feeding = (async () => {
    while (!isDone) {
      await send(bench, 0, c, d, 'x'.repeat(16_000));
      await sleep(50);
    }
  })();
  const durations = await lags(bench, a, b);
  isDone = true;
  await feeding;
  stalled.removeAllListeners('close').terminate();
  return durations;
}

async function drainRate(bench: Bench, reader: BenchAgent, peer: BenchAgent): Promise<number> {
  await fillConversations(bench.database, {
    hub: reader,
    peers: [peer],
    perConversation: 2 * BACKLOG,
    stored: BACKLOG,
  });
  const startedMs = performance.now();
  const socket = await openSocket(`${bench.apis[0]?.baseUrl}/v1/ws`, reader.key);
  let rows = 0;
  await new Promise<void>((resolve) =>
    socket.on('message', () => {
      rows += 1;
      if (rows === BACKLOG) resolve();
    }),
  );
  const perSecond = rows / ((performance.now() - startedMs) / 1000);
  socket.removeAllListeners('close').terminate();
  return perSecond;
}

async function establish(bench: Bench, one: BenchAgent, other: BenchAgent): Promise<void> {
  await send(bench, 0, one, other, 'open');
  await send(bench, 0, other, one, 'reply');
}

async function measure(bench: Bench): Promise<Figure[]> {
  const figure = (name: string, unit: string, baseline?: string): Figure => ({
    name,
    unit,
    values: [],
    ...(baseline === undefined ? {} : { baseline: { name: baseline, values: [] } }),
  });
  const delivered50 = figure('realtime.two_nodes_p50_ms', 'ms');
  const delivered99 = figure('realtime.two_nodes_p99_ms', 'ms');
  const drained = figure('realtime.drain_rows_per_s', 'rows/s');
  const stalled99 = figure('realtime.beside_stalled_p99_ms', 'ms', 'quiet p99');
  const memory = await measureIdleMemory(bench, { sockets: SOCKETS, perAgent: PER_AGENT });
  for (let run = 0; run < RUNS; run += 1) {
    const [a, b, c, d, reader, peer] = await makeAgents(bench.database, 6, `run${run}`);
    if (!a || !b || !c || !d || !reader || !peer) throw new Error('six agents are needed');
    await establish(bench, a, b);
    await establish(bench, c, d);
    const quiet = await lags(bench, a, b);
    delivered50.values.push(median(quiet));
    delivered99.values.push(quantile(quiet, 0.99));
    stalled99.values.push(quantile(await lagsWhileStalled(bench, [a, b, c, d]), 0.99));
    stalled99.baseline?.values.push(quantile(quiet, 0.99));
    drained.values.push(await drainRate(bench, reader, peer));
  }
  return [...memory, delivered50, delivered99, drained, stalled99];
}

async function main(): Promise<void> {
  const stack = await startBenchStack({ apis: 2 });
  const pools = stack.apis.map(({ baseUrl }) => new Pool(baseUrl, { connections: 64 }));
  try {
    const figures = await measure({ ...stack, pools });
    report('npm run bench:realtime', figures, options.json);
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
