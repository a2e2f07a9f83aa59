import { Pool } from 'undici';
import type { WebSocket } from 'ws';
import { after, paced, post } from '../load';
import { quantile, type Figure } from '../report';
import { openSocket } from '../sockets';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from '../stack';
import { runClosedLoop } from './closed-loop';

const SENDERS = 32;
const NODES = [1, 2, 4] as const;
/** Of the pair that has nothing to do with the recipient. */
const PAIR_PER_S = 20;
const WARM_MS = 2_000;

interface Hot {
  stack: BenchStack;
  pools: Pool[];
  senders: BenchAgent[];
  recipient: BenchAgent;
  pair: { from: BenchAgent; to: BenchAgent };
}

export interface HotPlan {
  runs: number;
  ms: number;
}

interface Round {
  perSecond: number;
  refused: number;
  pairP95: number;
}

let sent = 0;

function send(hot: Hot, node: number, from: BenchAgent, to: BenchAgent): Promise<unknown> {
  const body = {
    to: to.handle,
    client_msg_id: `hot-${(sent += 1)}`,
    content: { text: 'a message of usual length, say' },
  };
  return post(hot.pools[node] as Pool, '/v1/messages', from.key, body);
}

/**
 * Everybody writes to one connected recipient, through one, two and four api processes: what is accepted, and how long a
 * pair that has nothing to do with it waits on the first of them.
 */
export async function measureHotRecipient(plan: HotPlan): Promise<Figure[]> {
  const stack = await startBenchStack({ apis: Math.max(...NODES) });
  const pools = stack.apis.map(({ baseUrl }) => new Pool(baseUrl, { connections: SENDERS + 16 }));
  try {
    const [recipient, from, to, ...senders] = await makeAgents(stack.database, SENDERS + 3, 'hot');
    if (recipient === undefined || from === undefined || to === undefined) throw new Error('no agents');
    const hot: Hot = { stack, pools, senders, recipient, pair: { from, to } };
    await establish(hot);
    const listeners = await Promise.all([recipient, to].map((agent) => listen(stack, agent)));
    const quiet: number[] = [];
    const rounds = new Map<number, Round[]>(NODES.map((nodes) => [nodes, []]));
    for (let run = 0; run < plan.runs; run += 1) {
      quiet.push(quantile(await writeInPair(hot, after(plan.ms)), 0.95));
      for (const nodes of NODES) rounds.get(nodes)?.push(await runRound(hot, nodes, plan.ms));
    }
    for (const listener of listeners) listener.removeAllListeners('close').terminate();
    return figuresOf(rounds, quiet);
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    await stack.stop();
  }
}

async function establish(hot: Hot): Promise<void> {
  const pairs = [
    ...hot.senders.map((sender) => [sender, hot.recipient] as const),
    [hot.pair.from, hot.pair.to] as const,
  ];
  for (const [one, other] of pairs) {
    await send(hot, 0, one, other);
    await send(hot, 0, other, one);
  }
}

/** Connected to the first node, acknowledging each message. */
async function listen(stack: BenchStack, agent: BenchAgent): Promise<WebSocket> {
  const socket = await openSocket(`${stack.baseUrl}/v1/ws`, agent.key, 'ack');
  socket.on('message', (data) => {
    // The parse point of frames.
    const { type, payload } = JSON.parse(String(data)) as { type: string; payload?: { id: string } };
    if (type === 'message.new') socket.send(JSON.stringify({ type: 'ack', message_id: payload?.id }));
  });
  return socket;
}

const writeInPair = (hot: Hot, isOver: () => boolean): Promise<number[]> =>
  paced(PAIR_PER_S, isOver, () => send(hot, 0, hot.pair.from, hot.pair.to));

async function runRound(hot: Hot, nodes: number, ms: number): Promise<Round> {
  const crowd = runClosedLoop({
    lanes: SENDERS,
    warmMs: WARM_MS,
    ms,
    trees: {},
    send: async (lane) => {
      const sender = hot.senders[lane];
      if (sender !== undefined) await send(hot, lane % nodes, sender, hot.recipient);
    },
  });
  const pair = await writeInPair(hot, after(WARM_MS + ms));
  const { perSecond, failures, lastFailure } = await crowd;
  if (failures > 0)
    console.error(`hot: ${failures} sends over ${nodes} processes failed, the last with: ${lastFailure}`);
  await untilTaken(hot);
  return { perSecond, refused: failures, pairP95: quantile(pair, 0.95) };
}

/** Waits until the recipient has taken everything, so that no round meets what the one before left. */
async function untilTaken({ pools, recipient }: Hot): Promise<void> {
  const headers = { authorization: `Bearer ${recipient.key}` };
  for (;;) {
    const response = await (pools[0] as Pool).request({ method: 'GET', path: '/v1/messages/sync?limit=1', headers });
    // The parse point of our own page.
    const page = (await response.body.json()) as unknown[];
    if (page.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function figuresOf(rounds: ReadonlyMap<number, Round[]>, quiet: number[]): Figure[] {
  const values = (nodes: number, of: keyof Round): number[] => (rounds.get(nodes) ?? []).map((round) => round[of]);
  return [...rounds.keys()].flatMap((nodes) => {
    const accepted: Figure = {
      name: `hot.accepted_per_s_${nodes}_nodes`,
      unit: 'sends/s',
      values: values(nodes, 'perSecond'),
    };
    const alone = { name: '1 node', values: values(1, 'perSecond') };
    return [
      nodes === 1 ? accepted : { ...accepted, baseline: alone },
      { name: `hot.failed_${nodes}_nodes`, unit: 'sends', values: values(nodes, 'refused') },
      {
        name: `hot.unrelated_p95_ms_${nodes}_nodes`,
        unit: 'ms',
        values: values(nodes, 'pairP95'),
        baseline: { name: 'quiet', values: quiet },
      },
    ];
  });
}
