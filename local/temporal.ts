import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { startChild, type Child } from './child';
import { type Guardian } from './guardian';
import { isPortFree } from './ports';

const host = '127.0.0.1';
const startMsMax = 60_000;
const pollMs = 100;

/** What operators filter flows by; must exist in a namespace before the first flow starts there. All keywords. */
export const SEARCH_ATTRIBUTES = ['AgentHandle', 'Stage', 'WebhookId', 'GroupId'] as const;

/** `Keyword` in Temporal's protocol (temporal.api.enums.v1.IndexedValueType). */
const keywordType = 2;

export interface TemporalOptions {
  binary: string;
  port: number;
  /** Without it the server has no web page. */
  uiPort?: number;
  /** Without it everything is forgotten at the end. */
  dbFile?: string;
  namespaces: readonly string[];
  /** Events of a history after which the server wants a flow to go on in a new run. Absent = its default, 4,096. */
  longHistory?: number;
  env: Readonly<Record<string, string | undefined>>;
  guardian?: Guardian;
  onLine?: (line: string) => void;
}

/** A running Temporal development server. */
export interface TemporalServer {
  child: Child;
  address: string;
  uiUrl: string | undefined;
}

/**
 * Starts a Temporal server with the search attributes in every namespace, and waits until it takes calls.
 * @throws Error with one line: port in use, database file not usable, or what the server said last
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  for (const port of [options.port, options.uiPort]) {
    if (port !== undefined && !(await isPortFree(port))) throw new Error(`temporal: port ${port} is in use`);
  }
  const child = await startChild({
    name: 'temporal',
    command: options.binary,
    args: serverArguments(options),
    env: options.env,
    guardian: options.guardian,
    onLine: options.onLine,
  });
  const address = `${host}:${options.port}`;
  try {
    await untilServing(child, address, options.namespaces);
  } catch (error) {
    await child.stop('SIGTERM', 5_000);
    throw error;
  }
  return { child, address, uiUrl: options.uiPort === undefined ? undefined : `http://localhost:${options.uiPort}` };
}

function serverArguments(options: TemporalOptions): string[] {
  return [
    ['server', 'start-dev', '--ip', host, '--port', String(options.port), '--log-level', 'warn'],
    options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort), '--ui-disable-news-fetch'],
    options.dbFile === undefined ? [] : ['--db-filename', options.dbFile],
    options.longHistory === undefined
      ? []
      : ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${options.longHistory}`],
    options.namespaces.flatMap((namespace) => ['--namespace', namespace]),
    SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ].flat();
}

async function untilServing(child: Child, address: string, namespaces: readonly string[]): Promise<void> {
  const deadline = Date.now() + startMsMax;
  let last = 'no answer';
  while (Date.now() < deadline) {
    if (!child.isRunning()) {
      const { code, signal } = await child.exited;
      throw new Error(`temporal: ${child.tail().at(-1) ?? `ended with ${signal ?? `exit code ${code}`}`}`);
    }
    try {
      await withConnection(address, async (connection) => {
        for (const namespace of namespaces) await connection.workflowService.describeNamespace({ namespace });
      });
      return;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(pollMs);
  }
  throw new Error(`temporal: not serving after ${startMsMax / 1_000} s (${last})`);
}

/** Creates a namespace with the search attributes; flows can start in it at once. Used by tests to stay apart. */
export async function createNamespace(address: string, namespace: string): Promise<void> {
  await withConnection(address, async (connection) => {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('24h'),
    });
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map((name) => [name, keywordType])),
    });
  });
}

/** Bounds one try against a server that does not answer; a busy machine may take seconds for the first call of a process. */
const connectTimeout = '15s';

async function withConnection(address: string, work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout });
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
