import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import { startChild } from '../local/child';
import { nodeFlags } from '../local/node-process';
import { freePort } from '../local/ports';
import { compiled } from '../local/root';
import { readEnvironment } from '../platform/environment';
import type { Agent } from '../store/schema/collections/agents';
import type { Database } from '../store/schema/database';
import { latencies } from './load';
import { readOptions } from './options';
import { quantile, report, type Figure } from './report';
import { makeAgents, startBenchStack, type BenchAgent, type BenchStack } from './stack';
import { measureRegistrations } from './registrations';
import { measureUploads } from './uploads';

const IN_FLIGHT = 64;
const AGENTS_FEW = 1_000;
/** Handles that share a beginning: each search finds these, whatever else is registered. */
const FAMILY = 25;

interface Bench extends BenchStack {
  pool: Pool;
  agents: BenchAgent[];
}

const options = readOptions({ runs: 3, seconds: 4, agents: 1_000_000, only: '' });
const { runs, agents: agentsMany } = options;
const runMs = options.seconds * 1_000;
/** Whether that part of the bench is to run. */
const wants = (part: string): boolean => options.only === '' || options.only === part;

async function get(pool: Pool, path: string, key?: string): Promise<void> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await pool.request({ method: 'GET', path, headers });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode}`);
}

/** Calls per second of `IN_FLIGHT` closed loops. */
async function perSecond(call: (lane: number) => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  let calls = 0;
  const lane = async (index: number): Promise<void> => {
    while (performance.now() - startedMs < runMs) {
      await call(index);
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => lane(index)));
  return calls / ((performance.now() - startedMs) / 1_000);
}

/** `GET /v1/agents/me` of many agents beside the same pipeline without a store. */
async function measureMe(bench: Bench): Promise<Figure> {
  const port = await freePort();
  const { PATH, HOME } = readEnvironment();
  const bare = await startChild({
    name: 'bench/bare-api',
    command: process.execPath,
    args: [...nodeFlags, compiled('bench/bare-api')],
    hasChannel: true,
    env: { PATH, HOME, PORT: String(port), SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}` },
  });
  await bare.ready(30_000);
  const barePool = new Pool(`http://127.0.0.1:${port}`, { connections: IN_FLIGHT });
  const keyOf = (lane: number) => bench.agents[lane % bench.agents.length]?.key ?? '';
  const figure: Figure = {
    name: 'identity.me_per_s',
    unit: 'requests/s',
    values: [],
    baseline: { name: 'bare.pipeline_per_s', values: [] },
  };
  await perSecond((lane) => get(bench.pool, '/v1/agents/me', keyOf(lane)));
  await perSecond((lane) => get(barePool, '/v1/agents/me', keyOf(lane)));
  for (let run = 0; run < runs; run += 1) {
    figure.baseline?.values.push(await perSecond((lane) => get(barePool, '/v1/agents/me', keyOf(lane))));
    figure.values.push(await perSecond((lane) => get(bench.pool, '/v1/agents/me', keyOf(lane))));
  }
  await barePool.close();
  await bare.stop('SIGTERM', 5_000);
  return figure;
}

/** Listed agents in families, through the driver: only what the directory reads. */
async function fillDirectory(database: Database, from: number, to: number, families: string[]): Promise<void> {
  for (let made = from; made < to;) {
    const rows: Agent[] = [];
    for (; made < to && rows.length < 5_000; made += 1) {
      if (made % FAMILY === 0) families.push(`f${randomBytes(5).toString('hex')}`);
      rows.push(agentRow(`${families.at(-1) ?? ''}-${made % FAMILY}`));
    }
    await database.agents.insertMany(rows, { ordered: false });
  }
}

function agentRow(handle: string): Agent {
  const at = new Date();
  return {
    _id: `agt_${handle}`,
    handle,
    email: `${handle}@example.com`,
    apiKeyHash: handle,
    keyVersion: 1,
    displayName: null,
    description: null,
    avatarKey: null,
    status: 'active',
    pausedByOwner: 'none',
    settings: { inboxMode: 'open', groupInvitePolicy: 'open', discoverable: true },
    isSystem: false,
    isListed: true,
    inboxSalt: handle,
    lastSeenAt: null,
    createdAt: at,
    updatedAt: at,
  };
}

/** Searches for one family each, with a key, first among few agents, then among many. */
async function measureDirectory(bench: Bench): Promise<Figure[]> {
  const families: string[] = [];
  const key = bench.agents[0]?.key ?? '';
  const searches = () =>
    latencies(runMs, () =>
      get(bench.pool, `/v1/directory?q=${families[Math.floor(Math.random() * families.length)] ?? ''}`, key),
    );
  const p99s = async (): Promise<number[]> => {
    await searches();
    const values: number[] = [];
    for (let run = 0; run < runs; run += 1) values.push(quantile(await searches(), 0.99));
    return values;
  };
  await fillDirectory(bench.database, 0, AGENTS_FEW, families);
  const few = await p99s();
  await fillDirectory(bench.database, AGENTS_FEW, agentsMany, families);
  const many = await p99s();
  const broad = await latencies(runMs, () => get(bench.pool, '/v1/directory?q=f0', key));
  return [
    {
      name: 'directory.p99_ms',
      unit: 'ms',
      values: many,
      baseline: { name: `directory.p99_ms among ${AGENTS_FEW}`, values: few },
    },
    { name: 'directory.broad_p50_ms', unit: 'ms', values: [quantile(broad, 0.5)] },
  ];
}

async function main(): Promise<void> {
  const stack = await startBenchStack();
  const pool = new Pool(stack.baseUrl, { connections: IN_FLIGHT });
  const figures: Figure[] = [];
  try {
    const bench: Bench = { ...stack, pool, agents: await makeAgents(stack.database, IN_FLIGHT) };
    if (wants('me')) figures.push(await measureMe(bench));
    if (wants('uploads')) figures.push(await measureUploads(bench, { runs, runMs }));
    if (wants('directory')) figures.push(...(await measureDirectory(bench)));
  } finally {
    await pool.close();
    await stack.stop();
  }
  if (wants('registrations')) figures.push(await measureRegistrations({ runs, runMs }));
  report('npm run bench:identity', figures, options.json);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
