import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Db, MongoClient } from 'mongodb';
import { startChild, type Child } from '../../local/child';
import { createMailbox, type Mailbox } from '../../local/mailbox';
import { compiled, projectRoot } from '../../local/root';
import { createNamespace } from '../../local/temporal';
import { findScans, recordScans, STACK_APP } from './scans';
import { testServers } from './servers';

/** A process takes a second or two; on a machine that does much else, far longer. */
const readyMsMax = 90_000;
const stopMsMax = 20_000;
const CHECK_RESPONSES = ['--require', join(projectRoot, 'test/support/check-responses.cjs')];

export interface StackOptions {
  /** Number of api processes, default 1. */
  apis?: number;
  /** Number of worker processes, default 1. */
  workers?: number;
  /** Variables on top of the stack's own, for all processes. */
  env?: Readonly<Record<string, string>>;
  /** Another mongod than the shared one. */
  mongoUri?: string;
  /** Without it mail goes to a port where nobody listens. Default true. */
  mailbox?: boolean;
}

/** An api process and where it listens. */
export interface ApiChild extends Child {
  baseUrl: string;
  port: number;
}

/** Real processes on the shared servers, with a database and a Temporal namespace of their own. */
export interface Stack {
  /** Of the api processes that run, in the order of their start. */
  readonly baseUrls: string[];
  mailbox: Mailbox;
  db: Db;
  mongoUri: string;
  dbName: string;
  temporalAddress: string;
  namespace: string;
  /** As in the variable `SECRET_KEYS`. */
  secretKeys: string;
  readonly apis: ApiChild[];
  readonly workers: Child[];
  startApi(env?: Readonly<Record<string, string>>): Promise<ApiChild>;
  startWorker(env?: Readonly<Record<string, string>>): Promise<Child>;
  /** SIGKILL, and wait until the process is gone. */
  kill(child: Child): Promise<void>;
  /** SIGTERM, and wait until the process has shut down in its order. */
  terminate(child: Child): Promise<void>;
  /**
   * Ends every process and drops the database. Safe to call twice.
   * @throws Error when an answer of the whole run does not fit the OpenAPI document, or a query read a whole collection
   */
  stop(): Promise<void>;
}

/**
 * Starts api and worker processes from dist/ and waits until they are ready. On a failed start the error carries
 * their output. Call `stop()` in `afterAll`.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { temporalAddress, ...shared } = testServers();
  const { mongoUri = shared.mongoUri } = options;
  const dbName = `test-${randomBytes(6).toString('hex')}`;
  const secretKeys = `test:${randomBytes(32).toString('base64')}`;
  const mailbox = await createMailbox({ smtpPort: 0 });
  if (options.mailbox === false) await mailbox.close();
  await createNamespace(temporalAddress, dbName);
  const client = await MongoClient.connect(mongoUri);
  await recordScans(client.db(dbName));
  const dataDir = await mkdtemp(join(tmpdir(), 'agentchat-stack-'));
  const responseFaults = join(dataDir, 'response-faults');
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    MONGODB_URI: `${mongoUri}${mongoUri.includes('?') ? '&' : '?'}appName=${STACK_APP}`,
    MONGODB_DB: dbName,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: dbName,
    SMTP_URL: mailbox.smtpUrl,
    SECRET_KEYS: secretKeys,
    DATA_DIR: dataDir,
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
    AGENTCHAT_TEST_RESPONSE_FAULTS: responseFaults,
    ...options.env,
  };
  const processes = createProcesses(env);
  const stop = once(async () => {
    await processes.stopAll();
    if (options.mailbox !== false) await mailbox.close();
    const scans = await findScans(client.db(dbName));
    await client.db(dbName).dropDatabase();
    await client.close();
    const faults = existsSync(responseFaults) ? await readFile(responseFaults, 'utf8') : '';
    await rm(dataDir, { recursive: true, force: true });
    if (scans.length > 0) throw new Error(`Queries without an index:\n${scans.join('\n')}`);
    if (faults !== '') throw new Error(`Answers that the OpenAPI document does not allow:\n${distinct(faults)}`);
  });
  try {
    await Promise.all([
      ...Array.from({ length: options.apis ?? 1 }, () => processes.startApi()),
      ...Array.from({ length: options.workers ?? 1 }, () => processes.startWorker()),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get baseUrls() {
      return processes.apis.filter((api) => api.isRunning()).map((api) => api.baseUrl);
    },
    mailbox,
    db: client.db(dbName),
    mongoUri,
    dbName,
    temporalAddress,
    namespace: dbName,
    secretKeys,
    apis: processes.apis,
    workers: processes.workers,
    startApi: processes.startApi,
    startWorker: processes.startWorker,
    kill: (child) => end(child, 'SIGKILL'),
    terminate: (child) => end(child, 'SIGTERM'),
    stop,
  };
}

/** Each fault once, and not more than a screen of them. */
function distinct(faults: string): string {
  return [...new Set(faults.split('\n'))].slice(0, 40).join('\n');
}

function createProcesses(env: Readonly<Record<string, string | undefined>>) {
  const apis: ApiChild[] = [];
  const workers: Child[] = [];
  // Also those that are still starting, so that a start that fails elsewhere leaves none behind.
  const all: Child[] = [];
  const start = async (module: string, extra: Readonly<Record<string, string>>): Promise<Child> => {
    const child = await startChild({
      name: module,
      command: process.execPath,
      args: ['--enable-source-maps', ...(module === 'api/main' ? CHECK_RESPONSES : []), compiled(module)],
      env: { ...env, ...extra },
      cwd: projectRoot,
      hasChannel: true,
    });
    all.push(child);
    return child;
  };
  const readyOrStopped = async (child: Child): Promise<Record<string, unknown>> => {
    try {
      return await child.ready(readyMsMax);
    } catch (error) {
      await end(child, 'SIGKILL');
      throw error;
    }
  };
  return {
    apis,
    workers,
    async startApi(extra: Readonly<Record<string, string>> = {}): Promise<ApiChild> {
      const child = await start('api/main', extra);
      const port = Number((await readyOrStopped(child))['port']);
      const api = { ...child, port, baseUrl: `http://127.0.0.1:${port}` };
      apis.push(api);
      return api;
    },
    async startWorker(extra: Readonly<Record<string, string>> = {}): Promise<Child> {
      const child = await start('worker/main', extra);
      await readyOrStopped(child);
      workers.push(child);
      return child;
    },
    async stopAll(): Promise<void> {
      await Promise.all(all.map((child) => end(child, 'SIGTERM')));
    },
  };
}

async function end(child: Child, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await child.stop(signal, stopMsMax);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
