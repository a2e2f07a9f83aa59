import { Client, Pool } from 'undici';
import { makeGroup } from '../group-fixture';
import { paced } from '../load';
import { quantile, type Figure } from '../report';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from '../stack';

const PARALLEL = 2_000;
const MEMBERS = 256;
/** The group beside it, below its own limit of messages per second. */
const OTHER_MEMBERS = 32;
const OTHER_PER_S = 10;
const OTHER_SENDERS = 4;
/** Connections that are opened at once: fewer than a listener lets wait. */
const OPENED_AT_ONCE = 100;

export interface FloodPlan {
  runs: number;
  ms: number;
}

interface Flooded {
  stack: BenchStack;
  pool: Pool;
  flooder: BenchAgent;
  groupId: string;
  others: BenchAgent[];
  otherGroupId: string;
}

interface Beside {
  ms: number[];
  refused: number;
}

interface Answer {
  status: number;
  ms: number;
}

let sent = 0;

const messageTo = (groupId: string): object => ({
  conversation_id: groupId,
  client_msg_id: `flood-${(sent += 1)}`,
  content: { text: 'a message of usual length, say' },
});

/**
 * One member sends 2,000 messages into a large group at the same moment, under the limits that are in force by default:
 * how long another group's sends take meanwhile, and how long the refusals. What 2,000 calls at once cost anyway, this
 * process included, is shown by as many calls with a wrong key.
 */
export async function measureFlood(plan: FloodPlan): Promise<Figure[]> {
  const stack = await startBenchStack({ env: { RATE_LIMITS: 'on' } });
  const pool = new Pool(stack.baseUrl, { connections: 32 });
  try {
    const members = await makeAgents(stack.database, MEMBERS, 'member');
    const others = await makeAgents(stack.database, OTHER_MEMBERS, 'other');
    const groupId = await makeGroup(stack.database, members);
    const otherGroupId = await makeGroup(stack.database, others);
    const [flooder] = members;
    if (flooder === undefined) throw new Error('no members');
    const flooded: Flooded = { stack, pool, flooder, groupId, others, otherGroupId };
    await writeInOther(flooded, runsFor(plan.ms / 2));
    const runs: Awaited<ReturnType<typeof runFlood>>[] = [];
    while (runs.length < plan.runs) runs.push(await runFlood(flooded, plan.ms));
    return figuresOf(runs);
  } finally {
    await pool.close();
    await stack.stop();
  }
}

function runsFor(ms: number): () => boolean {
  const untilMs = performance.now() + ms;
  return () => performance.now() >= untilMs;
}

/** How long each send into the other group took, and how many of them were refused: after a stall they come in a burst. */
async function writeInOther({ pool, others, otherGroupId }: Flooded, isOver: () => boolean): Promise<Beside> {
  let refused = 0;
  const ms = await paced(OTHER_PER_S, isOver, async (index) => {
    const status = await sendOn(pool, others[index % OTHER_SENDERS]?.key ?? '', otherGroupId);
    if (status !== 201) refused += 1;
  });
  return { ms, refused };
}

async function sendOn(dispatcher: Pool | Client, key: string, groupId: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify(messageTo(groupId));
  const response = await dispatcher.request({ method: 'POST', path: '/v1/messages', headers, body });
  await response.body.dump();
  return response.statusCode;
}

async function runFlood(flooded: Flooded, ms: number) {
  const quiet = await writeInOther(flooded, runsFor(ms));
  const bare = await atOnce(flooded.stack, 'a-wrong-key', flooded.groupId);
  let isAnswered = false;
  const isLate = runsFor(ms);
  const beside = writeInOther(flooded, () => isAnswered && isLate());
  const answers = await atOnce(flooded.stack, flooded.flooder.key, flooded.groupId);
  isAnswered = true;
  return { quiet, beside: await beside, bare, answers };
}

/** That many sends, each on a connection of its own that is open already. */
async function atOnce(stack: BenchStack, key: string, groupId: string): Promise<Answer[]> {
  const clients = Array.from({ length: PARALLEL }, () => new Client(stack.baseUrl));
  for (let from = 0; from < PARALLEL; from += OPENED_AT_ONCE) {
    await Promise.all(clients.slice(from, from + OPENED_AT_ONCE).map((client) => knock(client)));
  }
  const send = async (client: Client): Promise<Answer> => {
    const startedMs = performance.now();
    const status = await sendOn(client, key, groupId);
    return { status, ms: performance.now() - startedMs };
  };
  const answers = await Promise.all(clients.map(send));
  await Promise.all(clients.map((client) => client.close()));
  return answers;
}

async function knock(client: Client): Promise<void> {
  const response = await client.request({ method: 'OPTIONS', path: '/v1/messages' });
  await response.body.dump();
}

function figuresOf(runs: Awaited<ReturnType<typeof runFlood>>[]): Figure[] {
  const figure = (name: string, unit: string, value: (run: (typeof runs)[number]) => number): Figure => ({
    name,
    unit,
    values: runs.map(value),
  });
  const baseline = (name: string, value: (run: (typeof runs)[number]) => number) => ({ name, values: runs.map(value) });
  const millis = (answers: Answer[]): number[] => answers.map(({ ms }) => ms);
  const refusals = (run: (typeof runs)[number]): number[] => millis(run.answers.filter(({ status }) => status === 429));
  const wrongKey = 'wrong key';
  return [
    {
      ...figure('flood.other_group_p99_ms', 'ms', (run) => quantile(run.beside.ms, 0.99)),
      baseline: baseline('quiet', (run) => quantile(run.quiet.ms, 0.99)),
    },
    figure('flood.other_group_refused', 'sends', (run) => run.beside.refused),
    figure('flood.other_group_max_ms', 'ms', (run) => Math.max(...run.beside.ms)),
    {
      ...figure('flood.refusal_p50_ms', 'ms', (run) => quantile(refusals(run), 0.5)),
      baseline: baseline(wrongKey, (run) => quantile(millis(run.bare), 0.5)),
    },
    {
      ...figure('flood.refusal_p99_ms', 'ms', (run) => quantile(refusals(run), 0.99)),
      baseline: baseline(wrongKey, (run) => quantile(millis(run.bare), 0.99)),
    },
    figure('flood.refused', 'sends', (run) => refusals(run).length),
    figure('flood.accepted', 'sends', (run) => run.answers.filter(({ status }) => status === 201).length),
    figure(
      'flood.other_answers',
      'sends',
      (run) => run.answers.filter(({ status }) => ![201, 429].includes(status)).length,
    ),
  ];
}
