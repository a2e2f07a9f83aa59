import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from './binaries';
import { createGuardian } from './guardian';
import { startMongo } from './mongo';
import { freePort } from './ports';
import { startTemporal } from './temporal';

/** Namespaces that exist from the start; stacks make their own (test/support/stack). */
export const TEST_NAMESPACES = ['test-1', 'test-2', 'test-3', 'test-4'] as const;

/**
 * Events after which flows go on in a new run here: enough for every flow of a test that is not about that. With the
 * server's 4,096, a busy machine replays for longer than the five seconds that the SDK gives a task, and the process of
 * the worker dies with it.
 */
export const LONG_HISTORY = 1_000;

/** The addresses of the servers, as the variables that tests read. */
export interface TestServers {
  variables: {
    AGENTCHAT_TEST_MONGODB_URI: string;
    AGENTCHAT_TEST_TEMPORAL_ADDRESS: string;
    AGENTCHAT_TEST_TEMPORAL_TEST_SERVER: string;
  };
  /** The numbers of their processes. */
  pids: { mongod: number; temporal: number };
  /** Stops both and removes their data. */
  stop(): Promise<void>;
}

/**
 * Starts one mongod and one Temporal server on free ports with data in a temporary folder, and finds the
 * time-skipping server. They end with this process, however it ends.
 */
export async function startTestServers(
  environment: Readonly<Record<string, string | undefined>>,
  onProgress: (line: string) => void,
): Promise<TestServers> {
  const find = { environment, onProgress };
  const timeSkipping = await findBinary('temporal-test-server', find);
  const folder = await mkdtemp(join(tmpdir(), 'agentchat-test-'));
  const dbPath = join(folder, 'mongo');
  await mkdir(dbPath);
  const guardian = createGuardian();
  guardian.removeAtEnd(folder);
  try {
    const [mongo, temporal] = await Promise.all([
      findBinary('mongod', find).then(async (binary) =>
        startMongo({ binary, port: await freePort(), dbPath, env: environment, guardian }),
      ),
      findBinary('temporal', find).then(async (binary) =>
        startTemporal({
          binary,
          port: await freePort(),
          namespaces: TEST_NAMESPACES,
          longHistory: LONG_HISTORY,
          env: environment,
          guardian,
        }),
      ),
    ]);
    return {
      variables: {
        AGENTCHAT_TEST_MONGODB_URI: mongo.uri,
        AGENTCHAT_TEST_TEMPORAL_ADDRESS: temporal.address,
        AGENTCHAT_TEST_TEMPORAL_TEST_SERVER: timeSkipping,
      },
      pids: { mongod: mongo.child.pid, temporal: temporal.child.pid },
      async stop() {
        await Promise.all([mongo.child.stop('SIGTERM', 10_000), temporal.child.stop('SIGTERM', 5_000)]);
        await guardian.close();
      },
    };
  } catch (error) {
    await guardian.close();
    throw error;
  }
}
