import { Pool } from 'undici';
import { WebSocket } from 'ws';
import { hashApiKey, newId } from '../platform/ids';
import { claimAgent } from '../store/accounts/claims';
import { signIn } from '../store/owners/sign-in';
import { issueTicket } from '../store/owners/tickets';
import { closedLoop, post } from './load';
import { readOptions } from './options';
import { report, type Figure } from './report';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';

const PAIRS = 64;
const IN_FLIGHT = 128;
const { runs: RUNS, seconds, apis: APIS, json } = readOptions({ runs: 3, seconds: 3, apis: 1 });
const RUN_MS = seconds * 1_000;
const INDEX = 'sender_created';

let sent = 0;

/** Both directions of every pair: one send in flight each. */
const sendLane = (pool: Pool, agents: BenchAgent[]) => (lane: number) => {
  const pair = (lane % PAIRS) * 2;
  const [from, to] = lane < PAIRS ? [agents[pair], agents[pair + 1]] : [agents[pair + 1], agents[pair]];
  const content = { text: 'a message of usual length, say' };
  return post(pool, '/v1/messages', from?.key ?? '', { to: to?.handle, client_msg_id: `w-${(sent += 1)}`, content });
};

/** So that no run meets the backlog cap of the one before: as acks leave them, without their calls. */
async function emptyInboxes({ database }: BenchStack): Promise<void> {
  await database.envelopes.updateMany({ status: 'stored' }, { $set: { status: 'delivered' } });
  const inboxes = await database.guards.find({ _id: /^inbox-in:/ }).toArray();
  await database.guards.bulkWrite(
    inboxes.map((guard) => ({
      updateOne: {
        filter: { _id: guard._id.replace('inbox-in:', 'inbox-out:') },
        // A guard's kind stands in its _id.
        update: { $set: { dequeued: (guard as { enqueued?: number }).enqueued ?? 0 }, $inc: { v: 1 } },
      },
    })),
  );
}

async function claimAll(
  { database }: BenchStack,
  agents: BenchAgent[],
): Promise<{ ownerId: string; sessionId: string }> {
  const [at, sessionId] = [new Date(), newId('ownerSession')];
  const owner = await signIn(database, { email: 'bench@example.com', sessionId, tokenHash: sessionId, at });
  for (const { id: agentId, key } of agents) {
    const claimed = await claimAgent(database, { agentId, apiKeyHash: hashApiKey(key), ownerId: owner._id, at });
    if (claimed.kind !== 'claimed') throw new Error(`an agent was ${claimed.kind}`);
  }
  return { ownerId: owner._id, sessionId };
}

/** A dashboard on the last api process; `frames` counts what it is shown. */
async function openDashboard(stack: BenchStack, holder: { ownerId: string; sessionId: string }) {
  const ticket = await issueTicket(stack.database, holder);
  const url = stack.apis.at(-1)?.baseUrl.replace('http', 'ws') ?? '';
  const socket = new WebSocket(`${url}/v1/ws/dashboard?ticket=${ticket}`);
  const seen = { frames: 0 };
  await new Promise((resolve) => socket.once('message', resolve));
  socket.on('message', () => (seen.frames += 1));
  return { seen, close: () => socket.terminate() };
}

async function measure(stack: BenchStack, pool: Pool): Promise<Figure[]> {
  const [free, claimed] = [
    await makeAgents(stack.database, PAIRS * 2),
    await makeAgents(stack.database, PAIRS * 2, 'own'),
  ];
  const holder = await claimAll(stack, claimed);
  const { messages } = stack.database;
  const base = { name: 'send.unclaimed_per_s', values: [] as number[] };
  const figure = (name: string): Figure => ({ name, unit: 'sends/s', values: [], baseline: base });
  const [owned, watched, unindexed] = [
    figure('send.claimed_per_s'),
    figure('send.watched_per_s'),
    figure('send.without_log_index_per_s'),
  ];
  const frames: Figure = { name: 'dashboard.frames_per_send', unit: 'frames', values: [] };
  const run = async (agents: BenchAgent[]): Promise<number> => {
    await emptyInboxes(stack);
    return closedLoop(IN_FLIGHT, RUN_MS, sendLane(pool, agents));
  };
  for (const agents of [free, claimed])
    for (let lane = 0; lane < IN_FLIGHT; lane += 1) await sendLane(pool, agents)(lane);
  await run(free);
  for (let round = 0; round < RUNS; round += 1) {
    base.values.push(await run(free));
    owned.values.push(await run(claimed));
    const dashboard = await openDashboard(stack, holder);
    const before = sent;
    watched.values.push(await run(claimed));
    frames.values.push(dashboard.seen.frames / (sent - before));
    dashboard.close();
    await messages.dropIndex(INDEX);
    unindexed.values.push(await run(free));
    await messages.createIndex({ senderId: 1, createdAt: -1 }, { name: INDEX });
  }
  return [owned, watched, unindexed, frames];
}

async function main(): Promise<void> {
  const stack = await startBenchStack({ apis: APIS });
  const pool = new Pool(stack.baseUrl, { connections: IN_FLIGHT + 8 });
  try {
    const figures = await measure(stack, pool);
    report('npm run bench:watch', figures, json);
  } finally {
    await pool.close();
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
