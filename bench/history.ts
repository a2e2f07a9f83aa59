import { randomBytes } from 'node:crypto';
import { createLogger } from '../platform/logger';
import { createAgentReader } from '../store/agents/agents';
import { createCommitter } from '../store/sending/committer';
import { listConversations } from '../store/conversations/conversations';
import { openDatabase, type Database } from '../store/schema/database';
import { readHistory } from '../store/conversations/history';
import { readStored } from '../store/inbox/inbox';
import { explainQueries } from './explain';
import { fillConversations } from './fill';
import { readOptions } from './options';
import { median, report, type Figure } from './report';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';

/** Conversations of the measured agent, in both sizes. */
const PEERS = 50;
/** Envelopes that wait in its inbox, in both sizes: a whole page of sync. */
const STORED = 200;
const RUNS = 3;
const CALLS = 150;
const WARM_UP_CALLS = 30;

interface Side {
  stack: BenchStack;
  hub: BenchAgent;
  peers: BenchAgent[];
  conversationIds: string[];
  messages: number;
}

async function startSide(messages: number): Promise<Side> {
  const stack = await startBenchStack();
  const [hub, ...peers] = await makeAgents(stack.database, PEERS + 1);
  if (hub === undefined) throw new Error('no agent');
  const startedMs = performance.now();
  const perConversation = Math.ceil(messages / PEERS);
  const conversationIds = await fillConversations(stack.database, { hub, peers, perConversation, stored: STORED });
  const seconds = (performance.now() - startedMs) / 1000;
  console.error(`${perConversation * PEERS} messages stored in ${seconds.toFixed(1)} s`);
  return { stack, hub, peers, conversationIds, messages: perConversation * PEERS };
}

async function get(side: Side, path: string): Promise<void> {
  const response = await fetch(side.stack.baseUrl + path, { headers: { authorization: `Bearer ${side.hub.key}` } });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
}

let sent = 0;

/** To the hub's peers in turn, so that what waits for the hub stays as it is. */
async function send(side: Side): Promise<void> {
  const to = side.peers[(sent += 1) % PEERS];
  const response = await fetch(`${side.stack.baseUrl}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${side.hub.key}` },
    body: JSON.stringify({ to: to?.handle, client_msg_id: `bench-${sent}`, content: { text: 'a message, say' } }),
  });
  await response.arrayBuffer();
  if (response.status !== 201) throw new Error(`a send answered ${response.status}`);
}

/** Calls that hold a page each; `turn` varies which conversation and where in it. */
const CALLS_BY_NAME: Record<string, (side: Side, turn: number) => Promise<void>> = {
  send,
  sync: (side) => get(side, '/v1/messages/sync?limit=200'),
  history_page: (side, turn) => {
    const id = side.conversationIds[turn % PEERS] ?? '';
    // Alternately the newest page and one from the middle of all that was ever written.
    const middle = Math.ceil(side.messages / PEERS / 2) + 10;
    return get(side, `/v1/messages/${id}?limit=20${turn % 2 === 0 ? '' : `&before_seq=${middle}`}`);
  },
  conversation_list: (side) => get(side, '/v1/conversations?limit=50'),
};

async function p50(side: Side, calls: number, call: (side: Side, turn: number) => Promise<void>): Promise<number> {
  const durations: number[] = [];
  for (let turn = 0; turn < calls; turn += 1) {
    const startedMs = performance.now();
    await call(side, turn);
    durations.push(performance.now() - startedMs);
  }
  return median(durations);
}

/** Large and small in turn, call by call kind, so that a machine that drifts does so for both. */
async function measure(small: Side, large: Side): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, call] of Object.entries(CALLS_BY_NAME)) {
    for (const side of [small, large]) await p50(side, WARM_UP_CALLS, call);
    const baseline = { name: `with ${small.messages} messages`, values: [] as number[] };
    const figure: Figure = { name: `history.${name}_p50_ms`, unit: 'ms', values: [], baseline };
    for (let run = 0; run < RUNS; run += 1) {
      baseline.values.push(await p50(small, CALLS, call));
      figure.values.push(await p50(large, CALLS, call));
    }
    figures.push(figure);
  }
  return figures;
}

/** What MongoDB says about every query of the four calls, on the large side. */
async function printPlans(side: Side): Promise<void> {
  const database = openDatabase({ uri: `${side.stack.mongoUri}&monitorCommands=true`, name: 'bench' });
  const agents = createAgentReader(database);
  const agent = await agents.findById(side.hub.id);
  if (agent === null) throw new Error('the agent is gone');
  const [conversationId = ''] = side.conversationIds;
  const operations: Record<string, () => Promise<unknown>> = {
    send: () => sendInProcess(database, side),
    sync: () =>
      readStored(database, agents, agent, { after: 0, limit: 200, includeMuted: true, writtenOff: undefined }),
    history_page: () => readHistory(database, agents, agent, { conversationId, limit: 50, beforeSeq: 1_000_000 }),
    conversation_list: () => listConversations(database, agent._id, { limit: 50, offset: 0 }, new Date()),
  };
  for (const [name, operation] of Object.entries(operations)) {
    console.log(`\n${name}`);
    for (const { collection, query, indexes, docsExamined, isCollectionScan } of await explainQueries(
      database,
      operation,
    )) {
      const how = isCollectionScan ? 'COLLECTION SCAN' : indexes.join(', ') || 'nothing to look at';
      console.log(`  ${collection.padEnd(14)} ${query.padEnd(64)} ${how} (${docsExamined} documents)`);
    }
  }
  await database.client.close();
}

async function sendInProcess(database: Database, { hub, peers }: Side): Promise<void> {
  const committer = createCommitter({
    database,
    agents: createAgentReader(database),
    clock: { now: () => new Date() },
    log: createLogger('bench', 'silent'),
    limitRate: false,
    observe: () => undefined,
  });
  await committer.send({
    sender: { id: hub.id, handle: hub.handle, isSystem: false, keyVersion: 1, isCached: false },
    to: peers[0]?.handle ?? '',
    clientMsgId: randomBytes(8).toString('hex'),
    type: 'text',
    content: '{"text":"a message, say"}',
    metadata: '{}',
    attachmentId: null,
  });
}

async function main(): Promise<void> {
  const { json, ...sizes } = readOptions({ small: 1_000, large: 1_000_000 });
  const sides: Side[] = [];
  try {
    for (const messages of [sizes.small, sizes.large]) {
      sides.push(await startSide(messages));
    }
    const [small, large] = sides;
    if (small === undefined || large === undefined) throw new Error('two sides are needed');
    const figures = await measure(small, large);
    report('npm run bench:history', figures, json);
    await printPlans(large);
  } finally {
    for (const { stack } of sides) await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
