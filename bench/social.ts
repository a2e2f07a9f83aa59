import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import type { WebSocket } from 'ws';
import { emptyPair, pairId } from '../domain/guards';
import { at, must, openSocket, request, send, type Nodes } from './calls';
import { startFullBenchStack, type FullBenchStack } from './full-stack';
import { readOptions } from './options';
import { median, quantile, report, type Figure } from './report';
import { makeAgents, type BenchAgent } from './stack';

/** Sizes of the measured run, and of one that only shows that the bench works. */
const FULL = {
  runs: 3,
  blockRounds: 334,
  suspensions: 10,
  audience: 1_000,
  presenceChanges: 20,
  book: 10_000,
  sendMs: 4_000,
};
const SMALL = { runs: 1, blockRounds: 5, suspensions: 2, audience: 20, presenceChanges: 3, book: 100, sendMs: 500 };
const SENDERS = 32;
/** Of them, those whose sends are counted. */
const TALKERS = 8;

type Sizes = typeof FULL;

interface Bench extends FullBenchStack, Nodes {
  sizes: Sizes;
}

/**
 * One block against sends of both sides on both nodes: from the POST to the first 403 of a send that began after the
 * answer. Throws when a message commits after that answer.
 */
async function blockRace(bench: Bench, a: BenchAgent, b: BenchAgent): Promise<number> {
  let isBlocked = false;
  const lanes = [0, 1].map(async (node) => {
    for (;;) {
      const isLater = isBlocked;
      const { code, status } = await send(bench, node, node === 0 ? a : b, node === 0 ? b : a);
      if (isLater && status === 201) throw new Error('a message was accepted after the answer to the block');
      if (isLater && code === 'BLOCKED') return performance.now();
    }
  });
  const startedMs = performance.now();
  await must(request(bench, 0, 'POST', `/v1/contacts/${a.handle}/block`, b.key));
  isBlocked = true;
  const refusedAtMs = Math.min(...(await Promise.all(lanes)));
  await must(request(bench, 1, 'DELETE', `/v1/contacts/${a.handle}/block`, b.key));
  return refusedAtMs - startedMs;
}

/** From the report that suspends to the close of the sockets on both nodes: flow, recount and orders included. */
async function suspension(bench: Bench, run: number): Promise<number> {
  const [target, ...reporters] = await makeNamed(bench, `susp-${run}`, 11);
  if (target === undefined) throw new Error('no agent');
  for (const reporter of reporters) await must(send(bench, 0, target, reporter));
  const sockets = await Promise.all([0, 1].map((node) => openSocket(bench, node, target)));
  for (const reporter of reporters.slice(1)) await reportTarget(bench, reporter, target);
  const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  const startedMs = performance.now();
  await reportTarget(bench, at(reporters, 0), target);
  await closed;
  return performance.now() - startedMs;
}

const reportTarget = (bench: Bench, reporter: BenchAgent, target: BenchAgent): Promise<void> =>
  must(request(bench, 1, 'POST', `/v1/contacts/${target.handle}/report`, reporter.key, {}));

const makeNamed = async (bench: Bench, name: string, count: number): Promise<BenchAgent[]> =>
  makeAgents(bench.database, count, name);

/** From the PUT to the frame on the last of the subject's online contacts, over both nodes. */
async function presence(bench: Bench, run: number): Promise<number[]> {
  const [subject, ...watchers] = await makeNamed(bench, `pres-${run}`, bench.sizes.audience + 1);
  if (subject === undefined) throw new Error('no agent');
  const sockets: WebSocket[] = [];
  for (const [index, watcher] of watchers.entries()) {
    await must(request(bench, index, 'POST', '/v1/contacts', watcher.key, { handle: subject.handle }));
    sockets.push(await openSocket(bench, index, watcher));
  }
  const durations: number[] = [];
  for (let change = 0; change < bench.sizes.presenceChanges; change += 1) {
    const message = `change ${change}`;
    const seen = Promise.all(sockets.map((socket) => untilSeen(socket, message)));
    const startedMs = performance.now();
    await must(request(bench, 0, 'PUT', '/v1/presence', subject.key, { status: 'busy', custom_message: message }));
    await seen;
    durations.push(performance.now() - startedMs);
  }
  for (const socket of sockets) socket.terminate();
  return durations;
}

function untilSeen(socket: WebSocket, message: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (data: unknown): void => {
      if (!String(data).includes(`"${message}"`)) return;
      socket.off('message', look);
      resolve();
    };
    socket.on('message', look);
  });
}

/** Sends per second of agents that talk to each other, both directions of each pair. */
async function sendsPerSecond(bench: Bench, agents: BenchAgent[]): Promise<number> {
  const startedMs = performance.now();
  let count = 0;
  await Promise.all(
    agents.map(async (from, index) => {
      const to = at(agents, index % 2 === 0 ? index + 1 : index - 1);
      while (performance.now() - startedMs < bench.sizes.sendMs) {
        await must(send(bench, 0, from, to));
        count += 1;
      }
    }),
  );
  return count / ((performance.now() - startedMs) / 1000);
}

async function makeTalkers(bench: Bench, name: string): Promise<BenchAgent[]> {
  const agents = await makeNamed(bench, name, SENDERS);
  for (let index = 0; index < SENDERS; index += 2) {
    await must(send(bench, 0, at(agents, index), at(agents, index + 1)));
    await must(send(bench, 0, at(agents, index + 1), at(agents, index)));
  }
  return agents;
}

/** Gives each agent a contact book and a block list of that size, with the pairs' guards. */
async function fill(bench: Bench, agents: BenchAgent[]): Promise<void> {
  const { database, sizes } = bench;
  const addedAt = new Date();
  for (const { id } of agents) {
    const others = Array.from({ length: sizes.book }, () => `agt_${randomBytes(8).toString('hex')}`);
    await database.contacts.insertMany(
      others.map((contactId) => ({
        _id: `${id}:${contactId}`,
        ownerId: id,
        contactId,
        handle: contactId.toLowerCase(),
        note: null,
        addedAt,
        isHidden: false,
      })),
    );
    await database.blocks.insertMany(
      others.map((other) => ({
        _id: `${id}:${other}`,
        blockerId: id,
        blockedId: other,
        createdAt: addedAt,
        counts: false,
        isHidden: false,
      })),
    );
    await database.guards.insertMany(
      others.map((other) => ({ ...emptyPair(pairId(id, other)), v: 1, blockedBy: [id], contactsOf: [id] })),
    );
  }
}

async function measure(bench: Bench): Promise<Figure[]> {
  const figure = (name: string, unit: string): Figure => ({ name, unit, values: [] });
  const block50 = figure('block.in_force_p50_ms', 'ms');
  const block99 = figure('block.in_force_p99_ms', 'ms');
  const suspend50 = figure('suspension.sockets_closed_p50_ms', 'ms');
  const suspend99 = figure('suspension.sockets_closed_p99_ms', 'ms');
  const presence50 = figure('presence.fan_out_p50_ms', 'ms');
  const presence99 = figure('presence.fan_out_p99_ms', 'ms');
  const full = figure('send.full_books_per_s', 'sends/s');
  full.baseline = { name: 'send.empty_books_per_s', values: [] };
  const empty = await makeTalkers(bench, 'empty');
  const filled = await makeTalkers(bench, 'full');
  await fill(bench, filled.slice(0, TALKERS));
  for (let run = 0; run < bench.sizes.runs; run += 1) {
    const [a, b] = [at(empty, run * 2), at(empty, run * 2 + 1)];
    const blocks: number[] = [];
    for (let round = 0; round < bench.sizes.blockRounds; round += 1) blocks.push(await blockRace(bench, a, b));
    block50.values.push(median(blocks));
    block99.values.push(quantile(blocks, 0.99));
    const suspensions: number[] = [];
    for (let index = 0; index < bench.sizes.suspensions; index += 1) {
      suspensions.push(await suspension(bench, run * bench.sizes.suspensions + index));
    }
    suspend50.values.push(median(suspensions));
    suspend99.values.push(quantile(suspensions, 0.99));
    const changes = await presence(bench, run);
    presence50.values.push(median(changes));
    presence99.values.push(quantile(changes, 0.99));
    const talkers = { empty: empty.slice(8, 8 + TALKERS), full: filled.slice(0, TALKERS) };
    full.baseline.values.push(await sendsPerSecond(bench, talkers.empty));
    full.values.push(await sendsPerSecond(bench, talkers.full));
  }
  return [block50, block99, suspend50, suspend99, presence50, presence99, full];
}

async function main(): Promise<void> {
  const { json, small } = readOptions({ small: false });
  const sizes = small ? SMALL : FULL;
  const stack = await startFullBenchStack();
  const pools = stack.baseUrls.map((url) => new Pool(url, { connections: 64 }));
  try {
    const figures = await measure({ ...stack, pools, sizes });
    report('npm run bench:social', figures, json);
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
