import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MongoClient, MongoServerError } from 'mongodb';
import { startChild, type Child } from './child';
import { type Guardian } from './guardian';
import { isPortFree } from './ports';

const host = '127.0.0.1';
const startMsMax = 60_000;
const pollMs = 50;

/** Error codes of mongod that the start of a replica set meets. */
const notYetInitialized = 94;
const invalidReplicaSetConfig = 93;

export interface MongoOptions {
  binary: string;
  port: number;
  /** An existing, writable folder. */
  dbPath: string;
  env: Readonly<Record<string, string | undefined>>;
  guardian?: Guardian;
  /** Bounds the memory of the server; unset, a quarter of the machine's. mongod itself would take half. */
  cacheGigabytes?: number;
  onLine?: (line: string) => void;
}

/** A running mongod: a replica set of one, of which it is the primary. */
export interface Mongo {
  child: Child;
  uri: string;
  port: number;
}

/**
 * Starts mongod and waits until it takes writes as the primary of its replica set, which is created at the first
 * start and moved when the data was last served on another port. After SIGKILL its journal brings back every
 * acknowledged write.
 * @throws Error with one line: port in use, data folder not usable or in use, or what mongod said
 */
export async function startMongo(options: MongoOptions): Promise<Mongo> {
  if (!(await isPortFree(options.port))) throw new Error(`mongod: port ${options.port} is in use`);
  const child = await startChild({
    name: 'mongod',
    command: options.binary,
    args: mongodArguments(options),
    env: options.env,
    guardian: options.guardian,
    onLine: options.onLine,
  });
  try {
    await becomePrimary(child, options.port);
  } catch (error) {
    await child.stop('SIGTERM', 10_000);
    throw error;
  }
  return { child, port: options.port, uri: `mongodb://${host}:${options.port}/?replicaSet=rs0` };
}

function mongodArguments(options: MongoOptions): string[] {
  return [
    ['--replSet', 'rs0'],
    ['--bind_ip', host],
    ['--port', String(options.port)],
    ['--dbpath', options.dbPath],
    ['--wiredTigerCacheSizeGB', String(options.cacheGigabytes ?? quarterOfMemory())],
    ['--setParameter', 'diagnosticDataCollectionEnabled=false'],
    // The transactions of a killed process hold their documents until this passes; ours take milliseconds.
    ['--setParameter', 'transactionLifetimeLimitSeconds=3'],
    // Nobody reads the past. Five minutes of it, the default, are every step of every counter, to be kept and evicted.
    ['--setParameter', 'minSnapshotHistoryWindowInSeconds=1'],
    ['--nounixsocket', '--quiet'],
  ].flat();
}

/** What is written between two checkpoints has to fit into a twentieth of the cache, or it is evicted while sends wait. */
function quarterOfMemory(): number {
  return Math.max(1, Math.round(totalmem() / 2 ** 30 / 4));
}

async function becomePrimary(child: Child, port: number): Promise<void> {
  const deadline = Date.now() + startMsMax;
  let last = 'no answer';
  while (Date.now() < deadline) {
    if (!child.isRunning()) throw new Error(`mongod: ${await reasonOfEnd(child)}`);
    last = await stepTowardsPrimary(port).catch(messageOf);
    if (last === 'primary') return;
    await sleep(pollMs);
  }
  throw new Error(`mongod: not primary after ${startMsMax / 1_000} s (${last})`);
}

/** One look at the server, and the step that is missing if there is one. Returns what was seen. */
async function stepTowardsPrimary(port: number): Promise<string> {
  // A client whose first connection failed stays closed, so each look has its own.
  const client = new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 1_000,
    connectTimeoutMS: 1_000,
  });
  try {
    const admin = client.db('admin');
    const hello = await admin.command({ hello: 1 });
    if (hello['isWritablePrimary'] === true) return 'primary';
    const status = await admin.command({ replSetGetStatus: 1 });
    return String(status['myState']);
  } catch (error) {
    if (!(error instanceof MongoServerError)) return messageOf(error);
    if (error.code === notYetInitialized) await initiate(client, port);
    else if (error.code === invalidReplicaSetConfig) await moveMember(client, port);
    return error.codeName ?? 'refused';
  } finally {
    await client.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function initiate(client: MongoClient, port: number): Promise<void> {
  const config = { _id: 'rs0', members: [{ _id: 0, host: `${host}:${port}` }] };
  await client.db('admin').command({ replSetInitiate: config });
}

/** The stored configuration names the port of an earlier start, where this server does not find itself any more. */
async function moveMember(client: MongoClient, port: number): Promise<void> {
  const config = await client.db('local').collection('system.replset').findOne({});
  if (config === null) return;
  const moved = { ...config, version: Number(config['version']) + 1, members: [{ _id: 0, host: `${host}:${port}` }] };
  await client.db('admin').command({ replSetReconfig: moved, force: true });
}

/** The last thing that mongod itself called fatal or an error, which says more than its exit code. */
async function reasonOfEnd(child: Child): Promise<string> {
  const { code, signal } = await child.exited;
  for (const line of child.tail().reverse()) {
    const entry = parseLogLine(line);
    if (entry !== undefined && (entry.severity === 'F' || entry.severity === 'E')) return entry.text;
  }
  return `ended with ${signal ?? `exit code ${code}`}: ${child.tail().at(-1) ?? 'no output'}`;
}

function parseLogLine(line: string): { severity: string; text: string } | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('s' in entry) || !('msg' in entry)) return undefined;
    const attributes = 'attr' in entry ? ` ${JSON.stringify(entry.attr)}` : '';
    return { severity: String(entry.s), text: `${String(entry.msg)}${attributes}` };
  } catch {
    return undefined;
  }
}
