import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { startChild } from '../local/child';
import { nodeFlags } from '../local/node-process';
import { compiled } from '../local/root';
import { readEnvironment } from '../platform/environment';
import { startFullBenchStack, type FullBenchStack } from './full-stack';
import type { Arrival } from './hook-receiver';
import { after, closedLoop, paced, post } from './load';
import { readOptions } from './options';
import { quantile, report, type Figure } from './report';
import { openSocket } from './sockets';
import { makeAgents, type BenchAgent } from './stack';

/** `waiting`: messages that wait when the worker goes on. */
const options = readOptions({ runs: 3, seconds: 5, waiting: 3_000, endpoints: 32 });
const { runs: RUNS, waiting: WAITING, endpoints: ENDPOINTS } = options;
const PACED_MS = options.seconds * 1_000;
const PACED_PER_S = 50;
/** Bare posts in flight, and sends that fill the queue. */
const IN_FLIGHT = 64;
const READY_MS = 30_000;

interface Bench extends FullBenchStack {
  api: Pool;
  receiver: Pool;
  /** Each pair has met: any number of messages may follow. */
  pairs: { from: BenchAgent; to: BenchAgent }[];
}

let sent = 0;
const nowMs = (): number => performance.timeOrigin + performance.now();

function send({ api }: Bench, from: BenchAgent, to: BenchAgent, id = `hook-${(sent += 1)}`): Promise<unknown> {
  const content = { text: 'a message of usual length, say' };
  return post(api, '/v1/messages', from.key, { to: to.handle, client_msg_id: id, content });
}

async function ask(receiver: Pool, path: string): Promise<unknown> {
  return (await receiver.request({ method: 'GET', path })).body.json();
}

/** What came since the last call, once it is `count`. */
async function arrived(receiver: Pool, count: number): Promise<Arrival[]> {
  while (Number(await ask(receiver, '/count')) < count) await sleep(50);
  // The parse point of what the receiver tells.
  return (await ask(receiver, '/arrivals')) as Arrival[];
}

/** At a steady pace, POST to the request at the receiver and to the frame on a socket: 95th percentiles of the same sends. */
async function lags(bench: Bench): Promise<{ hookMs: number; socketMs: number }> {
  const { from, to } = pairAt(bench, 0);
  const socket = await openSocket(`${bench.baseUrls[0]}/v1/ws`, to.key);
  const postedMs = new Map<string, number>();
  const [onHook, onSocket]: [number[], number[]] = [[], []];
  const since = (id: string | undefined, atMs: number): number => atMs - (postedMs.get(id ?? '') ?? Number.NaN);
  socket.on('message', (data) => {
    // The parse point of frames.
    const { payload } = JSON.parse(String(data)) as { payload?: { client_msg_id: string } };
    if (postedMs.has(payload?.client_msg_id ?? '')) onSocket.push(since(payload?.client_msg_id, nowMs()));
  });
  await paced(PACED_PER_S, after(PACED_MS), () => {
    const id = `hook-${(sent += 1)}`;
    postedMs.set(id, nowMs());
    return send(bench, from, to, id);
  });
  for (const { atMs, body } of await arrived(bench.receiver, postedMs.size)) {
    // The parse point of webhooks.
    const { data } = JSON.parse(body) as { data: { client_msg_id: string } };
    onHook.push(since(data.client_msg_id, atMs));
  }
  while (onSocket.length < postedMs.size) await sleep(20);
  socket.removeAllListeners('close').terminate();
  return { hookMs: quantile(onHook, 0.95), socketMs: quantile(onSocket, 0.95) };
}

/** Messages that were committed while the worker stood still, then bare posts of the bytes that it sent. */
async function rates(bench: Bench): Promise<{ hooks: number; bare: number }> {
  process.kill(bench.worker.pid, 'SIGSTOP');
  let left = WAITING;
  const lane = async (index: number): Promise<void> => {
    const { from, to } = pairAt(bench, index);
    while (left-- > 0) await send(bench, from, to);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => lane(index)));
  process.kill(bench.worker.pid, 'SIGCONT');
  const arrivals = await arrived(bench.receiver, WAITING);
  const bodies = arrivals.map(({ body }) => body);
  const times = arrivals.map(({ atMs }) => atMs);
  const hooks = ((WAITING - 1) * 1_000) / (Math.max(...times) - Math.min(...times));
  let next = 0;
  const bare = await closedLoop(IN_FLIGHT, 1_000, async () => {
    const body = bodies[(next += 1) % bodies.length] ?? '';
    const headers = { 'content-type': 'application/json' };
    await (await bench.receiver.request({ method: 'POST', path: '/hook', headers, body })).body.dump();
  });
  await ask(bench.receiver, '/arrivals');
  return { hooks, bare };
}

function pairAt({ pairs }: Bench, index: number): Bench['pairs'][number] {
  const pair = pairs[index % pairs.length];
  if (pair === undefined) throw new Error('no such pair');
  return pair;
}

/** A sender for each endpoint; both have written to each other. */
async function pairUp(bench: Bench, port: number): Promise<void> {
  const agents = await makeAgents(bench.database, ENDPOINTS * 2);
  for (let index = 0; index < agents.length; index += 2) {
    const [from, to] = [agents[index], agents[index + 1]];
    if (from === undefined || to === undefined) throw new Error('two agents are needed');
    await send(bench, to, from);
    await send(bench, from, to);
    await post(bench.api, '/v1/webhooks', to.key, { url: `http://127.0.0.1:${port}/hook`, events: ['message.new'] });
    bench.pairs.push({ from, to });
  }
}

async function measure(bench: Bench): Promise<Figure[]> {
  const [socket, bare] = [
    { name: 'delivery.p95_ms', values: [] as number[] },
    { name: 'bare posts/s', values: [] as number[] },
  ];
  const first: Figure = { name: 'webhook.first_attempt_p95_ms', unit: 'ms', values: [], baseline: socket };
  const rate: Figure = { name: 'webhook.deliveries_per_s', unit: '/s', values: [], baseline: bare };
  // The first warms up and is not counted.
  for (let run = 0; run <= RUNS; run += 1) {
    const [lag, speed] = [await lags(bench), await rates(bench)];
    if (run === 0) continue;
    first.values.push(lag.hookMs);
    socket.values.push(lag.socketMs);
    rate.values.push(speed.hooks);
    bare.values.push(speed.bare);
  }
  return [first, rate];
}

async function startReceiver() {
  const { PATH, HOME } = readEnvironment();
  const args = [...nodeFlags, compiled('bench/hook-receiver')];
  const env = { PATH, HOME };
  const child = await startChild({ name: 'receiver', command: process.execPath, args, env, hasChannel: true });
  return { child, port: Number((await child.ready(READY_MS))['port']) };
}

async function main(): Promise<void> {
  const env = { WEBHOOK_ALLOW_HTTP: 'on', WEBHOOK_ALLOW_PRIVATE: 'on' };
  const stack = await startFullBenchStack({ apis: 1, env });
  const { child, port } = await startReceiver();
  const api = new Pool(stack.baseUrls[0] ?? '', { connections: IN_FLIGHT + 8 });
  const receiver = new Pool(`http://127.0.0.1:${port}`, { connections: IN_FLIGHT });
  const bench: Bench = { ...stack, api, receiver, pairs: [] };
  try {
    await pairUp(bench, port);
    const figures = await measure(bench);
    report('npm run bench:webhooks', figures, options.json);
  } finally {
    await Promise.all([api.close(), receiver.close()]);
    await child.stop('SIGTERM', 5_000);
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
