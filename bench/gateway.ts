import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { WebSocket } from 'ws';
import { AGENT_TURNS_MAX } from '../contract/limits';
import { createAccessTokens } from '../platform/access-tokens';
import { parseConfig } from '../platform/config';
import { hashApiKey, newId } from '../platform/ids';
import { createRefreshTokens, hashRefreshToken } from '../platform/refresh-tokens';
import { claimAgent } from '../store/accounts/claims';
import { signIn } from '../store/owners/sign-in';
import type { Database } from '../store/schema/database';
import { startFullBenchStack, type FullBenchStack } from './full-stack';
import { memoryOf } from './idle-memory';
import { after, closedLoop, post } from './load';
import { startMeasuredApi } from './measured-api';
import { readOptions } from './options';
import { median, quantile, report, type Figure } from './report';
import { measureSlowReaders } from './slow-readers';
import { openSocket } from './sockets';
import { makeAgents, type BenchAgent } from './stack';

const PARTS = ['turns', 'streams', 'readers'];
const options = readOptions({
  runs: 3,
  seconds: 6,
  sessions: 16,
  streams: 1_000,
  readers: 20,
  only: PARTS.join(','),
});
const { runs: RUNS, sessions: SESSIONS, streams: STREAMS } = options;
const RUN_MS = options.seconds * 1_000;
const TEXT = 'a message of usual length, say';
/** Streams that compile the code and fill the pools before memory is compared. */
const WARM_UP_STREAMS = 20;
const SETTLE_MS = 3_000;
/** After this an open stream of the memory's measurement ends by itself. */
const STREAM_SECONDS = 300;

interface Bench extends FullBenchStack {
  pool: Pool;
  /** One for each lane. */
  users: User[];
  /** Answers whoever writes to it. */
  echo: BenchAgent;
  /** Senders of plain messages, each with its live socket. */
  senders: { agent: BenchAgent; socket: WebSocket }[];
}

interface User {
  ownerId: string;
  token: string;
}

let sent = 0;
const nextId = (): string => `gateway-${(sent += 1)}`;

/** A frame's message, or undefined for other frames. */
function messageIn(data: unknown): { sender: string; id: string; metadata?: Marks } | undefined {
  // The parse point of frames.
  const { type, payload } = JSON.parse(String(data)) as { type: string; payload: { sender: string; id: string } };
  return type === 'message.new' ? payload : undefined;
}

interface Marks {
  gateway?: { execution_id: string };
}

/** When the agent had each message and when its answer was accepted, by execution: what the parts of a turn take. */
const seenMs = new Map<string, { handedOverMs: number; acceptedMs: number }>();

async function startEcho(url: string, pool: Pool, { handle, key }: BenchAgent): Promise<WebSocket> {
  const socket = await openSocket(`${url}/v1/ws`, key);
  socket.on('message', (data) => {
    const message = messageIn(data);
    if (message === undefined || message.sender === handle) return;
    const handedOverMs = performance.now();
    const body = { to: message.sender, client_msg_id: nextId(), content: { text: TEXT } };
    void post(pool, '/v1/messages', key, body).then(() => {
      const id = message.metadata?.gateway?.execution_id;
      if (id !== undefined) seenMs.set(id, { handedOverMs, acceptedMs: performance.now() });
    });
  });
  return socket;
}

/** Signed-in users with their access tokens. */
async function makeUsers(database: Database, secret: string, count: number): Promise<User[]> {
  const { SECRET_KEYS: keys } = parseConfig({ SECRET_KEYS: secret });
  const tokens = createAccessTokens(keys);
  const refreshTokens = createRefreshTokens(keys);
  const users: User[] = [];
  while (users.length < count) {
    const [at, sessionId] = [new Date(), newId('ownerSession')];
    const email = `bench-${users.length}@example.com`;
    const tokenHash = hashRefreshToken(refreshTokens.first());
    const { _id: ownerId } = await signIn(database, { email, sessionId, tokenHash, at });
    users.push({ ownerId, token: tokens.issue({ ownerId, sessionId }, at, tokens.keyId) ?? '' });
  }
  return users;
}

const userOf = ({ users }: Bench, lane: number): User => {
  const user = users[lane % users.length];
  if (user === undefined) throw new Error('no user');
  return user;
};

/** A turn in the session of this lane's user, answered as JSON. @returns its execution */
async function turn(bench: Bench, lane: number): Promise<string> {
  const path = `/api/agents/${bench.echo.handle}/chat`;
  const answer = await post(bench.pool, path, userOf(bench, lane).token, { message: TEXT, stream: false });
  // The parse point of answers.
  return (answer as { execution_id: string }).execution_id;
}

/** A plain message to the same agent and its answer at the sender's socket. */
async function pair(bench: Bench, lane: number): Promise<void> {
  const { agent, socket } = bench.senders[lane % bench.senders.length] ?? {};
  if (agent === undefined || socket === undefined) throw new Error('no sender');
  const answered = new Promise<void>((resolve) => {
    const look = (data: unknown): void => {
      if (messageIn(data)?.sender !== bench.echo.handle) return;
      socket.off('message', look);
      resolve();
    };
    socket.on('message', look);
  });
  const body = { to: bench.echo.handle, client_msg_id: nextId(), content: { text: TEXT } };
  await post(bench.pool, '/v1/messages', agent.key, body);
  await answered;
}

interface Parts {
  total: number[];
  toAgent: number[];
  send: number[];
  toCaller: number[];
}

/** Turns in a closed loop, and what their parts took: POST to agent, the agent's own send, its acceptance to the answer. */
async function turns(bench: Bench, parts: Parts): Promise<number> {
  return closedLoop(SESSIONS, RUN_MS, async (lane) => {
    const startedMs = performance.now();
    const id = await turn(bench, lane);
    const endedMs = performance.now();
    parts.total.push(endedMs - startedMs);
    const seen = seenMs.get(id);
    seenMs.delete(id);
    if (seen === undefined) return;
    parts.toAgent.push(seen.handedOverMs - startedMs);
    parts.send.push(seen.acceptedMs - seen.handedOverMs);
    parts.toCaller.push(endedMs - seen.acceptedMs);
  });
}

/** POST to the first byte of a stream's body, one after another, each read to its end. */
async function firstBytes(bench: Bench): Promise<number[]> {
  const durations: number[] = [];
  for (const isOver = after(RUN_MS / 2); !isOver();) {
    const startedMs = performance.now();
    const { body } = await openStream(bench.pool, userOf(bench, 0), bench.echo, {});
    let isFirst = true;
    for await (const chunk of body) {
      if (isFirst && chunk !== undefined) durations.push(performance.now() - startedMs);
      isFirst = false;
    }
  }
  return durations;
}

const openStream = (pool: Pool, { token }: User, { handle }: BenchAgent, more: object) =>
  pool.request({
    method: 'POST',
    path: `/api/agents/${handle}/chat`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/x-ndjson' },
    body: JSON.stringify({ message: TEXT, timeout_seconds: STREAM_SECONDS, ...more }),
  });

/**
 * Growth of an api process per stream that waits for an agent which does not answer, in bytes. No agent has more of them
 * than it may have turns at once.
 */
async function streamMemory(bench: Bench, secret: string): Promise<{ resident: number; held: number }> {
  const silent = await makeAgents(bench.database, Math.ceil((WARM_UP_STREAMS + STREAMS) / AGENT_TURNS_MAX), 'silent');
  const api = await startMeasuredApi(bench.mongoUri, secret);
  const pool = new Pool(api.baseUrl, { connections: STREAMS + WARM_UP_STREAMS });
  const user = userOf(bench, 0);
  // Many turns at once with somebody else's agent would wait for its first answer.
  for (const agent of silent) await claimFor(bench, user, agent);
  let opened = 0;
  const open = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const agent = silent[Math.floor(opened / AGENT_TURNS_MAX)];
      if (agent === undefined) throw new Error('no agent');
      opened += 1;
      const { statusCode, body } = await openStream(pool, user, agent, { new_session: true });
      if (statusCode !== 200) throw new Error(`a stream answered ${statusCode}`);
      body.on('error', () => undefined).on('data', () => undefined);
    }
    await sleep(SETTLE_MS);
    return (await memoryOf(api.process)).after;
  };
  const base = await open(WARM_UP_STREAMS);
  const full = await open(STREAMS);
  await pool.destroy();
  await api.stop();
  return {
    resident: (full.rss - base.rss) / STREAMS,
    held: (full.heapUsed + full.external - base.heapUsed - base.external) / STREAMS,
  };
}

const claimFor = ({ database }: Bench, { ownerId }: User, { id: agentId, key }: BenchAgent) =>
  claimAgent(database, { agentId, apiKeyHash: hashApiKey(key), ownerId, at: new Date() });

async function measureOpenStreams(bench: Bench, secret: string): Promise<Figure[]> {
  const { resident, held } = await streamMemory(bench, secret);
  return [
    { name: 'gateway.bytes_per_open_stream', unit: 'bytes', values: [resident] },
    { name: 'gateway.held_bytes_per_open_stream', unit: 'bytes', values: [held] },
  ];
}

async function measureReaders(bench: Bench, secret: string): Promise<Figure[]> {
  const [agent] = await makeAgents(bench.database, 1, 'talkative');
  if (agent === undefined) throw new Error('no agent');
  const user = userOf(bench, 0);
  await claimFor(bench, user, agent);
  const place = { mongoUri: bench.mongoUri, secret, token: user.token, agent };
  return measureSlowReaders(place, options.readers);
}

async function measureTurns(bench: Bench): Promise<Figure[]> {
  const figure = (name: string, unit: string, baseline?: string): Figure => ({
    name,
    unit,
    values: [],
    ...(baseline === undefined ? {} : { baseline: { name: baseline, values: [] } }),
  });
  const perS = figure('gateway.turns_per_s', 'turns/s', 'plain.pairs_per_s');
  const names = ['turn', 'to_agent', 'agent_send', 'to_caller'] as const;
  const parts = names.map((name) => figure(`gateway.${name}_p50_ms`, 'ms'));
  const first50 = figure('gateway.first_byte_p50_ms', 'ms');
  const first99 = figure('gateway.first_byte_p99_ms', 'ms');
  for (let run = 0; run < RUNS; run += 1) {
    perS.baseline?.values.push(await closedLoop(SESSIONS, RUN_MS, (lane) => pair(bench, lane)));
    const seen: Parts = { total: [], toAgent: [], send: [], toCaller: [] };
    perS.values.push(await turns(bench, seen));
    [seen.total, seen.toAgent, seen.send, seen.toCaller].forEach((all, index) =>
      parts[index]?.values.push(median(all)),
    );
    const first = await firstBytes(bench);
    first50.values.push(median(first));
    first99.values.push(quantile(first, 0.99));
  }
  return [perS, ...parts, first50, first99];
}

async function prepare(stack: FullBenchStack, secret: string): Promise<Bench> {
  const url = stack.baseUrls[0] ?? '';
  const pool = new Pool(url, { connections: SESSIONS * 2 + 8 });
  const [echo, ...agents] = await makeAgents(stack.database, SESSIONS + 1);
  if (echo === undefined) throw new Error('no agent');
  await startEcho(url, pool, echo);
  const users = await makeUsers(stack.database, secret, SESSIONS);
  const senders = await Promise.all(
    agents.map(async (agent) => ({ agent, socket: await openSocket(`${url}/v1/ws`, agent.key) })),
  );
  const bench: Bench = { ...stack, pool, users, echo, senders };
  for (let lane = 0; lane < SESSIONS; lane += 1) {
    await pair(bench, lane);
    await turn(bench, lane);
  }
  return bench;
}

async function main(): Promise<void> {
  const parts = options.only.split(',');
  if (parts.some((part) => !PARTS.includes(part))) throw new Error(`--only takes some of ${PARTS.join(',')}`);
  const secret = `bench:${randomBytes(32).toString('base64')}`;
  const stack = await startFullBenchStack({ apis: 1, env: { SECRET_KEYS: secret } });
  try {
    const bench = await prepare(stack, secret);
    const figures: Figure[] = [];
    if (parts.includes('turns')) {
      await closedLoop(SESSIONS, RUN_MS / 2, (lane) => turn(bench, lane));
      figures.push(...(await measureTurns(bench)));
    }
    if (parts.includes('streams')) figures.push(...(await measureOpenStreams(bench, secret)));
    if (parts.includes('readers')) figures.push(...(await measureReaders(bench, secret)));
    report('npm run bench:gateway', figures, options.json);
    for (const { socket } of bench.senders) socket.terminate();
    await bench.pool.destroy();
  } finally {
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
