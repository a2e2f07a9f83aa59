import { Client, Connection } from '@temporalio/client';
import type { Database } from '../../store/database';
import { startStack, type Stack, type StackOptions } from './stack';
import { openStackDatabase } from './traffic';

/** What the tests of a file share. Usable from the first test on, not while the file is read. */
export interface UsedStack {
  stack: Stack;
  /** The store of the stack, seen from the test process: a further process beside its apis. */
  database: Database;
  /** A client of the Temporal server in the stack's namespace; connects with its first call. */
  client: Client;
  /** Where the api process of this number listens, in the order of their start. */
  url(node?: number): string;
}

/** Starts a stack before the tests of the surrounding block and stops it after them. */
export function useStack(options: StackOptions = {}): UsedStack {
  let opened: { stack: Stack; database: Database; client: Client } | null = null;
  const given = () => {
    if (opened === null) throw new Error('the stack is there from the first test on');
    return opened;
  };
  beforeAll(async () => {
    const stack = await startStack(options);
    const connection = Connection.lazy({ address: stack.temporalAddress });
    const client = new Client({ connection, namespace: stack.namespace });
    opened = { stack, database: openStackDatabase(stack), client };
  });
  afterAll(async () => {
    // A start that failed has ended its processes itself.
    if (opened === null) return;
    const { stack, database, client } = opened;
    await client.connection.close();
    await database.client.close();
    await stack.stop();
  });
  return {
    stack: lazily(() => given().stack),
    database: lazily(() => given().database),
    client: lazily(() => given().client),
    url: (node = 0) => given().stack.baseUrls[node] ?? '',
  };
}

/** An object that stands for another one that is made later: so tests name both alike. */
function lazily<T extends object>(get: () => T): T {
  // Only properties are read, all through `get`.
  return new Proxy({} as T, { get: (_target, name): unknown => Reflect.get(get(), name) });
}
