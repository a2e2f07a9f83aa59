import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { startChild, type Child } from '../../local/child';
import { type Guardian } from '../../local/guardian';
import { freePort } from '../../local/ports';
import { giveTo, runAs, type Packages } from './packages';

const run = promisify(execFile);
const USER = 'postgres';
const DATABASE = 'ejabberd';
const READY_MS = 30_000;
const POLL_MS = 100;
const STOP_MS = 20_000;
/** The working directory must be one that the server's user may read. */
const CWD = '/';
const PATH = '/usr/bin:/bin';

/** Durable as by default: a commit is on disk before it is answered. */
export const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '1GB',
  max_connections: '200',
} as const;

/** A running PostgreSQL with the tables of ejabberd. */
export interface Postgres {
  port: number;
  pid: number;
  user: string;
  database: string;
  checkpoint(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a cluster in `folder`, starts it on the loopback interface and loads the tables. */
export async function startPostgres(packages: Packages, folder: string, guardian: Guardian): Promise<Postgres> {
  const program = (name: string): string => join(packages.postgresBin, name);
  const data = join(folder, 'postgres');
  await initialize(program('initdb'), data);
  const port = await freePort();
  const settings = { ...POSTGRES_SETTINGS, port: String(port), listen_addresses: '127.0.0.1' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, args] = runAs(USER, program('postgres'), ['-D', data, '-c', 'unix_socket_directories=', ...flags]);
  const child = await startChild({ name: 'postgres', command, args, cwd: CWD, env: { PATH }, guardian });
  const address = ['-h', '127.0.0.1', '-p', String(port), '-U', USER];
  const psql = (database: string, ...rest: string[]): Promise<unknown> =>
    run(program('psql'), [...address, '-qX', '-v', 'ON_ERROR_STOP=1', '-d', database, ...rest]);
  await untilReady(child, () => psql('postgres', '-c', 'SELECT 1'));
  await psql('postgres', '-c', `CREATE DATABASE ${DATABASE} TEMPLATE template0`);
  await psql(DATABASE, '-f', await plainCopy(packages.schema, folder));
  return {
    port,
    pid: child.pid,
    user: USER,
    database: DATABASE,
    checkpoint: async () => void (await psql(DATABASE, '-c', 'CHECKPOINT')),
    // SIGINT is its fast shutdown: it does not wait for its clients.
    stop: async () => void (await child.stop('SIGINT', STOP_MS)),
  };
}

async function initialize(initdb: string, data: string): Promise<void> {
  await mkdir(data, { mode: 0o700 });
  giveTo(USER, data);
  const [command, args] = runAs(USER, initdb, ['-D', data, '-U', USER, '-E', 'UTF8', '--locale=C', '-A', 'trust']);
  await run(command, args, { cwd: CWD });
}

async function untilReady(child: Child, ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!(await answers(ask))) {
    if (!child.isRunning() || Date.now() > deadline) throw new Error(`postgres: ${child.tail().at(-1) ?? 'no output'}`);
    await pause(POLL_MS);
  }
}

async function answers(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch {
    return false;
  }
}

async function plainCopy(schema: string, folder: string): Promise<string> {
  if (!schema.endsWith('.gz')) return schema;
  const file = join(folder, 'ejabberd.sql');
  await writeFile(file, gunzipSync(await readFile(schema)));
  return file;
}
