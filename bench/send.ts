import { Pool } from 'undici';
import { WebSocket } from 'ws';
import { closedLoop, post, timed } from './load';
import { readOptions } from './options';
import { median, quantile, report, type Figure } from './report';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';

const PAIRS = 64;
const IN_FLIGHT = 128;
const RAW_IN_FLIGHT = 32;
const RUNS = 3;
const RUN_MS = 4_000;
const LONE_SENDS = 300;
const PACED_PER_S = 50;
const PACED_MS = 6_000;

interface Bench extends BenchStack {
  pool: Pool;
  agents: BenchAgent[];
}

let sent = 0;

function send(bench: Bench, from: BenchAgent, to: BenchAgent): Promise<unknown> {
  const body = {
    to: to.handle,
    client_msg_id: `bench-${(sent += 1)}`,
    content: { text: 'a message of usual length, say' },
  };
  return post(bench.pool, '/v1/messages', from.key, body);
}

const at = (agents: BenchAgent[], index: number): BenchAgent => {
  const agent = agents[index];
  if (agent === undefined) throw new Error('no such agent');
  return agent;
};

/** Both directions of every pair: one send in flight each. */
const sendLane = (bench: Bench) => (lane: number) => {
  const pair = (lane % PAIRS) * 2;
  const [from, to] = lane < PAIRS ? [pair, pair + 1] : [pair + 1, pair];
  return send(bench, at(bench.agents, from), at(bench.agents, to));
};

async function ackAll(bench: Bench, agent: BenchAgent): Promise<void> {
  const response = await bench.pool.request({
    method: 'GET',
    path: '/v1/messages/sync?limit=500',
    headers: { authorization: `Bearer ${agent.key}` },
  });
  // The parse point of our own sync page.
  const page = (await response.body.json()) as { delivery_id: string }[];
  const last = page.at(-1)?.delivery_id;
  if (last !== undefined) await post(bench.pool, '/v1/messages/sync/ack', agent.key, { last_delivery_id: last });
}

/** Sends while the recipients loop sync + ack, four of them at a time. */
async function sendWithAcks(bench: Bench): Promise<number> {
  let next = 0;
  const [perSecond] = await Promise.all([
    closedLoop(IN_FLIGHT, RUN_MS, sendLane(bench)),
    closedLoop(4, RUN_MS, () => ackAll(bench, at(bench.agents, (next += 1) % bench.agents.length))),
  ]);
  return perSecond;
}

/** POST to frame on the recipient's socket, at a steady pace; the last quarter second is left to arrive. */
async function delivery(bench: Bench): Promise<number[]> {
  const [from, to] = [at(bench.agents, 0), at(bench.agents, 1)];
  while ((await bench.database.envelopes.countDocuments({ recipientId: to.id, status: 'stored' })) > 0)
    await ackAll(bench, to);
  const socket = new WebSocket(`${bench.baseUrl.replace('http', 'ws')}/v1/ws`, {
    headers: { authorization: `Bearer ${to.key}` },
  });
  const postedMs = new Map<string, number>();
  const lags: number[] = [];
  await new Promise<void>((resolve) => socket.once('message', () => resolve()));
  socket.on('message', (data) => {
    // The parse point of frames.
    const frame = JSON.parse(String(data)) as { payload?: { client_msg_id: string } };
    const startedMs = postedMs.get(frame.payload?.client_msg_id ?? '');
    if (startedMs !== undefined) lags.push(performance.now() - startedMs);
  });
  const pending: Promise<unknown>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      postedMs.set(`bench-${sent + 1}`, performance.now());
      pending.push(send(bench, from, to));
      if (postedMs.size < (PACED_PER_S * PACED_MS) / 1000) return;
      clearInterval(timer);
      setTimeout(resolve, 250);
    }, 1000 / PACED_PER_S);
  });
  await Promise.all(pending);
  socket.terminate();
  if (lags.length !== postedMs.size) throw new Error(`${postedMs.size} were sent, ${lags.length} arrived`);
  return lags;
}

/** Mean size of commits and the conflicts so far, from the api's own metrics. */
async function commits(bench: Bench): Promise<{ mean: number; conflicts: number }> {
  const response = await bench.pool.request({ method: 'GET', path: '/internal/metrics' });
  const text = await response.body.text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0);
  const mean = value('agentchat_commit_items_sum') / value('agentchat_commit_items_count');
  return { mean, conflicts: value('agentchat_commit_conflicts_total') };
}

async function establish(bench: Bench): Promise<void> {
  for (let pair = 0; pair < PAIRS; pair += 1) {
    await send(bench, at(bench.agents, pair * 2), at(bench.agents, pair * 2 + 1));
    await send(bench, at(bench.agents, pair * 2 + 1), at(bench.agents, pair * 2));
  }
}

/** Empties inboxes between runs, so that no run meets the backlog cap of the one before. */
async function emptyInboxes(bench: Bench): Promise<void> {
  for (const agent of bench.agents) {
    while (
      (await bench.database.envelopes.countDocuments({ recipientId: agent.id, status: 'stored' }, { limit: 1 })) > 0
    ) {
      await ackAll(bench, agent);
    }
  }
}

async function measure(bench: Bench): Promise<Figure[]> {
  const figure = (name: string, unit: string, baseline?: string): Figure => ({
    name,
    unit,
    values: [],
    ...(baseline === undefined ? {} : { baseline: { name: baseline, values: [] } }),
  });
  const durable = figure('send.durable_per_s', 'sends/s', 'raw.insert_per_s');
  const withAcks = figure('send.durable_with_acks_per_s', 'sends/s', 'raw.insert_per_s');
  const lone = figure('send.lone_p50_ms', 'ms', 'raw.lone_p50_ms');
  const lone99 = figure('send.lone_p99_ms', 'ms', 'raw.lone_p99_ms');
  const delivered50 = figure('delivery.p50_ms', 'ms');
  const delivered99 = figure('delivery.p99_ms', 'ms');
  const batch = figure('commit.items_mean', 'items');
  const conflicts = figure('commit.conflicts_total', 'commits');
  const raw = bench.database.db.collection('raw');
  const insert = () => raw.insertOne({ text: 'a message of usual length, say', at: new Date() });
  for (let run = 0; run < RUNS; run += 1) {
    const rawPerS = await closedLoop(RAW_IN_FLIGHT, RUN_MS, insert);
    durable.values.push(await closedLoop(IN_FLIGHT, RUN_MS, sendLane(bench)));
    durable.baseline?.values.push(rawPerS);
    await emptyInboxes(bench);
    withAcks.values.push(await sendWithAcks(bench));
    withAcks.baseline?.values.push(rawPerS);
    const rawLone = await timed(LONE_SENDS, insert);
    const lones = await timed(LONE_SENDS, () => send(bench, at(bench.agents, 0), at(bench.agents, 1)));
    lone.values.push(median(lones));
    lone.baseline?.values.push(median(rawLone));
    lone99.values.push(quantile(lones, 0.99));
    lone99.baseline?.values.push(quantile(rawLone, 0.99));
    const lags = await delivery(bench);
    delivered50.values.push(median(lags));
    delivered99.values.push(quantile(lags, 0.99));
    const seen = await commits(bench);
    batch.values.push(seen.mean);
    conflicts.values.push(seen.conflicts);
  }
  return [durable, withAcks, lone, lone99, delivered50, delivered99, batch, conflicts];
}

async function main(): Promise<void> {
  const { json } = readOptions({});
  const stack = await startBenchStack();
  const pool = new Pool(stack.baseUrl, { connections: IN_FLIGHT + 8 });
  try {
    const bench: Bench = { ...stack, pool, agents: await makeAgents(stack.database, PAIRS * 2) };
    await establish(bench);
    await closedLoop(IN_FLIGHT, RUN_MS / 2, sendLane(bench));
    await emptyInboxes(bench);
    const figures = await measure(bench);
    report('npm run bench:send', figures, json);
  } finally {
    await pool.close();
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
