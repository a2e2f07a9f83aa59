import type { Collection } from 'mongodb';
import { Pool } from 'undici';
import type { Envelope } from '../store/schema/collections/messages';
import { startFullBenchStack, type FullBenchStack } from './full-stack';
import { measureDeletion, type DeletionRun } from './group-deletion';
import { measureBareBroadcast, measureFanOut, openAudience } from './group-fanout';
import { envelopeOf, makeGroup, makeRawEnvelopes, untilDrained, writeOut } from './group-fixture';
import { after, closedLoop, paced, post } from './load';
import { readOptions } from './options';
import { median, quantile, report, type Figure } from './report';
import { makeAgents, type BenchAgent } from './stack';

const SENDERS = 4;
const GROUP_PER_S = 20;
const DIRECT_PER_S = 50;
const PAIRS = 16;
/** What `--only` chooses from. */
const PARTS = ['sends', 'last', 'beside', 'deletion'] as const;

interface Options {
  members: number;
  envelopes: number;
  runs: number;
  ms: number;
  rounds: number;
  only: (typeof PARTS)[number][];
}

interface Bench extends FullBenchStack {
  baseUrl: string;
  options: Options;
  pool: Pool;
  members: BenchAgent[];
  groupId: string;
  pairs: [BenchAgent, BenchAgent][];
  raw: Collection<Envelope>;
}

let sent = 0;

function say(bench: Bench, from: BenchAgent, target: object, mark = ''): Promise<unknown> {
  return post(bench.pool, '/v1/messages', from.key, {
    ...target,
    client_msg_id: `bench-${(sent += 1)}`,
    content: { text: `${mark}a message of usual length, say` },
  });
}

const toGroup = (bench: Bench, sender: number, mark?: string): Promise<unknown> =>
  say(bench, at(bench.members, sender), { conversation_id: bench.groupId }, mark);

function direct(bench: Bench, index: number): Promise<unknown> {
  const [from, to] = at(bench.pairs, index % PAIRS);
  return say(bench, from, { to: to.handle });
}

function at<T>(list: T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing at ${index}`);
  return found;
}

/** Envelopes per second of raw inserts: as many rows per call and as many calls at once as the sends have. */
async function rawEnvelopes(bench: Bench): Promise<number> {
  const recipients = bench.members.slice(1);
  let seq = await bench.raw.estimatedDocumentCount();
  const insert = (): Promise<unknown> => {
    seq += 1;
    const place = { position: seq, seq, conversationId: bench.groupId, messageId: `msg_${seq}`, senderId: 'agt_raw' };
    return bench.raw.insertMany(recipients.map(({ id }) => envelopeOf({ ...place, recipientId: id })));
  };
  return (await closedLoop(SENDERS, bench.options.ms, insert)) * recipients.length;
}

/** Sends into the group by a few members at once, beside raw inserts of as many envelopes. */
async function measureSends(bench: Bench): Promise<Figure[]> {
  const sends: Figure = { name: 'group.sends_per_s', unit: 'sends/s', values: [] };
  const rawValues: number[] = [];
  const written: Figure = {
    name: 'group.envelopes_per_s',
    unit: 'envelopes/s',
    values: [],
    baseline: { name: 'raw.insert_many_envelopes_per_s', values: rawValues },
  };
  for (let run = 0; run < bench.options.runs; run += 1) {
    rawValues.push(await rawEnvelopes(bench));
    const perSecond = await closedLoop(SENDERS, bench.options.ms, (lane) => toGroup(bench, lane));
    sends.values.push(perSecond);
    written.values.push(perSecond * (bench.members.length - 1));
  }
  return [sends, written];
}

/** From a send to the frame at the last of all connected members, beside a bare broadcast and one raw insert. */
async function measureLast(bench: Bench): Promise<Figure[]> {
  const recipients = bench.members.slice(1);
  const { runs, rounds } = bench.options;
  const bareValues: number[] = [];
  const last: Figure = {
    name: 'group.last_of_all_p50_ms',
    unit: 'ms',
    values: [],
    baseline: { name: 'bare.insert_and_broadcast_p50_ms', values: bareValues },
  };
  const last99: Figure = { name: 'group.last_of_all_p99_ms', unit: 'ms', values: [] };
  const url = `${bench.baseUrl.replace('http', 'ws')}/v1/ws`;
  const openings = recipients.map(({ key }) => ({ url, key }));
  const audience = await openAudience(openings, { waitsForHello: true });
  await untilDrained(bench.database, recipients);
  try {
    await measureFanOut(audience, 3, (mark) => toGroup(bench, 0, mark));
    for (let run = 0; run < runs; run += 1) {
      const durations = await measureFanOut(audience, rounds, (mark) => toGroup(bench, 0, mark));
      const bare = { mongoUri: bench.mongoUri, members: recipients, frame: audience.lastFrame() };
      bareValues.push(median(await measureBareBroadcast(bare, rounds)));
      last.values.push(median(durations));
      last99.values.push(quantile(durations, 0.99));
    }
  } finally {
    audience.close();
  }
  return [last, last99];
}

/** Direct sends alone, and while the group is at its limit of messages per second. */
async function measureBeside(bench: Bench): Promise<Figure[]> {
  const quiet: number[] = [];
  const beside: Figure = {
    name: 'direct.p99_beside_group_ms',
    unit: 'ms',
    values: [],
    baseline: { name: 'direct.p99_quiet_ms', values: quiet },
  };
  const group: Figure = { name: 'group.p99_at_its_limit_ms', unit: 'ms', values: [] };
  await directFor(bench, after(bench.options.ms));
  for (let run = 0; run < bench.options.runs; run += 1) {
    quiet.push(quantile(await directFor(bench, after(bench.options.ms)), 0.99));
    const [directs, groups] = await Promise.all([
      directFor(bench, after(bench.options.ms)),
      paced(GROUP_PER_S, after(bench.options.ms), (index) => toGroup(bench, index % SENDERS)),
    ]);
    beside.values.push(quantile(directs, 0.99));
    group.values.push(quantile(groups, 0.99));
  }
  return [beside, group];
}

const directFor = (bench: Bench, isOver: () => boolean): Promise<number[]> =>
  paced(DIRECT_PER_S, isOver, (index) => direct(bench, index));

/** Deletions of full groups whose members did not take what they got. */
async function measureDeletions(bench: Bench): Promise<Figure[]> {
  const { envelopes, runs: count, ms: quietMs } = bench.options;
  const runs: DeletionRun[] = [];
  const deletion = { ...bench, workerPid: bench.worker.pid };
  while (runs.length < count) {
    runs.push(await measureDeletion(deletion, { envelopes, quietMs }, (isOver) => directFor(bench, isOver)));
  }
  const figure = (name: string, unit: string, value: (run: DeletionRun) => number): Figure => {
    return { name, unit, values: runs.map(value) };
  };
  return [
    figure('deletion.undelivered', 'envelopes', (run) => run.envelopes),
    figure('deletion.answer_ms', 'ms', (run) => run.answerMs),
    figure('deletion.flow_s', 's', (run) => run.flowMs / 1000),
    {
      ...figure('deletion.worker_peak_mib', 'MiB', (run) => run.workerPeakMiB),
      baseline: { name: 'worker.quiet_mib', values: runs.map((run) => run.workerQuietMiB) },
    },
    {
      ...figure('direct.p99_beside_deletion_ms', 'ms', (run) => quantile(run.beside, 0.99)),
      baseline: { name: 'direct.p99_quiet_ms', values: runs.map((run) => quantile(run.quiet, 0.99)) },
    },
  ];
}

/** Both sides of each pair have written, so that sends need no reply. */
async function establish(bench: Bench): Promise<void> {
  for (const [one, other] of bench.pairs) {
    await say(bench, one, { to: other.handle });
    await say(bench, other, { to: one.handle });
  }
}

const { json, ...given } = readOptions({
  members: 256,
  envelopes: 1_000_000,
  runs: 3,
  seconds: 6,
  rounds: 40,
  only: PARTS.join(','),
});
const options: Options = {
  ...given,
  ms: given.seconds * 1_000,
  only: PARTS.filter((part) => given.only.split(',').includes(part)),
};

async function main(): Promise<void> {
  const stack = await startFullBenchStack({ apis: 1 });
  const baseUrl = stack.baseUrls[0] ?? '';
  const pool = new Pool(baseUrl, { connections: 64 });
  try {
    const agents = await makeAgents(stack.database, options.members + PAIRS * 2);
    const members = agents.slice(0, options.members);
    const others = agents.slice(options.members);
    const pairs = Array.from({ length: PAIRS }, (_, index): [BenchAgent, BenchAgent] => [
      at(others, index * 2),
      at(others, index * 2 + 1),
    ]);
    const groupId = await makeGroup(stack.database, members);
    const raw = await makeRawEnvelopes(stack.database);
    const bench: Bench = { ...stack, baseUrl, options, pool, members, groupId, pairs, raw };
    await establish(bench);
    await closedLoop(SENDERS, options.ms / 2, (lane) => toGroup(bench, lane));
    const measures = { sends: measureSends, last: measureLast, beside: measureBeside, deletion: measureDeletions };
    const figures: Figure[] = [];
    for (const part of options.only) {
      await writeOut(bench.database);
      figures.push(...(await measures[part](bench)));
    }
    report('npm run bench:groups', figures, json);
  } finally {
    await pool.close();
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
