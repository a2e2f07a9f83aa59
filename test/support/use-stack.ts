import { Client, Connection } from '@temporalio/client';
import type { Database } from '../../store/schema/database';
import { startStack, type Stack, type StackOptions } from './stack';
import { openStackDatabase } from './traffic';
import { standIn, use, useEach } from './use';

/** What the tests of a block share. */
export interface UsedStack {
  stack: Stack;
  /** The store of the stack, seen from the test process: a further process beside its apis. */
  database: Database;
  /** A client of the Temporal server in the stack's namespace; connects with its first call. */
  client: Client;
  /** Where the api process of this number listens, in the order of their start. */
  url(node?: number): string;
}

/**
 * Starts a stack before the tests of the surrounding block and stops it after them. Options that need what another
 * `use…` opens are given by a function.
 */
export function useStack(options: StackOptions | (() => StackOptions) = {}): UsedStack {
  return standInFor(
    use(
      () => openStack(typeof options === 'function' ? options() : options),
      ({ close }) => close(),
    ),
  );
}

/** As `useStack`, anew for each test. */
export function useStackEach(options: StackOptions | (() => StackOptions)): UsedStack {
  return standInFor(
    useEach(
      () => openStack(typeof options === 'function' ? options() : options),
      ({ close }) => close(),
    ),
  );
}

function standInFor(used: UsedStack): UsedStack {
  return {
    stack: standIn(() => used.stack),
    database: standIn(() => used.database),
    client: standIn(() => used.client),
    url: (node) => used.url(node),
  };
}

/** Runs `work` on a stack of its own: for one test that needs another configuration than its neighbours. */
export async function withStack(options: StackOptions, work: (used: UsedStack) => Promise<void>): Promise<void> {
  const { close, ...used } = await openStack(options);
  try {
    await work(used);
  } finally {
    await close();
  }
}

async function openStack(options: StackOptions): Promise<UsedStack & { close: () => Promise<void> }> {
  const stack = await startStack(options);
  const database = openStackDatabase(stack);
  const connection = Connection.lazy({ address: stack.temporalAddress });
  return {
    stack,
    database,
    client: new Client({ connection, namespace: stack.namespace }),
    url: (node = 0) => stack.baseUrls[node] ?? '',
    close: async () => {
      await connection.close();
      await database.client.close();
      await stack.stop();
    },
  };
}
