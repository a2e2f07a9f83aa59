import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from '../local/binaries';
import { startChild } from '../local/child';
import { createGuardian } from '../local/guardian';
import { startMongo } from '../local/mongo';
import { nodeFlags } from '../local/node-process';
import { freePort } from '../local/ports';
import { compiled } from '../local/root';
import { readEnvironment } from '../platform/environment';
import { hashApiKey, newApiKey, newId } from '../platform/ids';
import { openDatabase, type Database } from '../store/schema/database';
import { createAgent } from '../store/accounts/create-agent';

/** An agent with its key. */
export interface BenchAgent {
  id: string;
  handle: string;
  key: string;
}

/** One mongod and api processes of its own; messages do not need Temporal. */
export interface BenchStack {
  /** Of the first api process. */
  baseUrl: string;
  apis: { baseUrl: string; pid: number }[];
  database: Database;
  mongoUri: string;
  stop(): Promise<void>;
}

const READY_MS = 30_000;
/** The same for all api processes of a bench. */
const SECRET = `bench:${randomBytes(32).toString('base64')}`;

/** @param env what the api processes get beside the usual */
export async function startBenchStack({
  apis: count = 1,
  env = {},
}: { apis?: number; env?: Readonly<Record<string, string>> } = {}): Promise<BenchStack> {
  const environment = readEnvironment();
  const binary = await findBinary('mongod', { environment, onProgress: (line) => console.error(line) });
  const folder = await mkdtemp(join(tmpdir(), 'agentchat-bench-'));
  const dbPath = join(folder, 'mongo');
  await mkdir(dbPath);
  const guardian = createGuardian();
  guardian.removeAtEnd(folder);
  const mongo = await startMongo({ binary, port: await freePort(), dbPath, env: environment, guardian });
  const started: Awaited<ReturnType<typeof startApi>>[] = [];
  for (let index = 0; index < count; index += 1) started.push(await startApi(mongo.uri, env));
  const database = openDatabase({ uri: mongo.uri, name: 'bench' });
  return {
    baseUrl: started[0]?.baseUrl ?? '',
    apis: started.map(({ baseUrl, child }) => ({ baseUrl, pid: child.pid })),
    database,
    mongoUri: mongo.uri,
    stop: async () => {
      await database.client.close();
      await Promise.all(started.map(({ child }) => child.stop('SIGTERM', 10_000)));
      await mongo.child.stop('SIGTERM', 10_000);
      await guardian.close();
    },
  };
}

/** The environment of an api process that belongs to a bench's stack. */
export function apiEnvironment(mongoUri: string, port: number): Record<string, string | undefined> {
  const { PATH, HOME } = readEnvironment();
  return {
    PATH,
    HOME,
    HOST: '127.0.0.1',
    PORT: String(port),
    MONGODB_URI: mongoUri,
    MONGODB_DB: 'bench',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    SECRET_KEYS: SECRET,
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
  };
}

async function startApi(mongoUri: string, extra: Readonly<Record<string, string>>) {
  const port = await freePort();
  const child = await startChild({
    name: 'api/main',
    command: process.execPath,
    args: [...nodeFlags, compiled('api/main')],
    hasChannel: true,
    env: { ...apiEnvironment(mongoUri, port), ...extra },
  });
  await child.ready(READY_MS);
  return { baseUrl: `http://127.0.0.1:${port}`, child };
}

/** @param name distinguishes the handles of several calls */
export async function makeAgents(database: Database, count: number, name = 'bench'): Promise<BenchAgent[]> {
  const made: BenchAgent[] = [];
  for (let index = 0; index < count; index += 1) {
    const key = newApiKey();
    const handle = `${name}-${index}`;
    const { _id: id } = await createAgent(
      database,
      {
        id: newId('agent'),
        handle,
        email: `${handle}@example.com`,
        apiKeyHash: hashApiKey(key),
        displayName: null,
        description: null,
        createdAt: new Date(),
      },
      { live: 1, lifetime: 3 },
    );
    made.push({ id, handle, key });
  }
  return made;
}
