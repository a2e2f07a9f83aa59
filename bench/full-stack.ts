import { randomBytes } from 'node:crypto';
import { startChild, type Child } from '../local/child';
import { nodeFlags } from '../local/node-process';
import { compiled } from '../local/root';
import { startTestServers, TEST_NAMESPACES } from '../local/test-servers';
import { readEnvironment } from '../platform/environment';
import { openDatabase, type Database } from '../store/schema/database';

/** mongod, Temporal, api processes and a worker of its own: for flows, and for what only shows over several processes. */
export interface FullBenchStack {
  baseUrls: string[];
  database: Database;
  mongoUri: string;
  worker: Child;
  /** The numbers of all processes. */
  pids: { apis: number[]; worker: number; mongod: number; temporal: number };
  stop(): Promise<void>;
}

const READY_MS = 60_000;

/** @param env what the processes get beside the usual */
export async function startFullBenchStack({
  apis = 2,
  env: extra = {},
}: { apis?: number; env?: Readonly<Record<string, string>> } = {}): Promise<FullBenchStack> {
  const environment = readEnvironment();
  const servers = await startTestServers(environment, (line) => console.error(line));
  const mongoUri = servers.variables.AGENTCHAT_TEST_MONGODB_URI;
  const env = {
    PATH: environment['PATH'],
    HOME: environment['HOME'],
    HOST: '127.0.0.1',
    PORT: '0',
    MONGODB_URI: mongoUri,
    MONGODB_DB: 'bench',
    TEMPORAL_ADDRESS: servers.variables.AGENTCHAT_TEST_TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE: TEST_NAMESPACES[0],
    SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'error',
    ...extra,
  };
  const children: Child[] = [];
  const start = async (module: string): Promise<{ child: Child; port: string }> => {
    const args = [...nodeFlags, compiled(module)];
    const child = await startChild({ name: module, command: process.execPath, args, env, hasChannel: true });
    children.push(child);
    const { port } = await child.ready(READY_MS);
    return { child, port: String(port) };
  };
  const database = openDatabase({ uri: mongoUri, name: 'bench' });
  const stop = async (): Promise<void> => {
    await database.client.close();
    await Promise.all(children.map((child) => child.stop('SIGTERM', 10_000)));
    await servers.stop();
  };
  try {
    const baseUrls: string[] = [];
    while (baseUrls.length < apis) baseUrls.push(`http://127.0.0.1:${(await start('api/main')).port}`);
    const pids = { apis: children.map(({ pid }) => pid), ...servers.pids };
    const { child: worker } = await start('worker/main');
    return { baseUrls, database, mongoUri, worker, pids: { ...pids, worker: worker.pid }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
