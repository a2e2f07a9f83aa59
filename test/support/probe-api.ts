import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { createPipeline } from '../../api/app';
import { createRateLimiter } from '../../api/rate-limiter';
import type { Route } from '../../api/route';
import { systemClock } from '../../platform/clock';
import { parseConfig } from '../../platform/config';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createAgentReader } from '../../store/agents';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { testServers } from './servers';

/** The real pipeline on real stores around routes of a test: what the pipeline does with any route. */
export interface ProbeApi {
  baseUrl: string;
  database: Database;
  stop(): Promise<void>;
}

export const PROBE_SECRET_KEYS = `probe:${randomBytes(32).toString('base64')}`;

/** Serves `routes` from this process. Two of them with one `dbName` share everything that two processes share. */
export async function startProbeApi(
  dbName: string,
  routes: Route[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProbeApi> {
  const database = openDatabase({ uri: testServers().mongoUri, name: dbName });
  await prepareDatabase(database);
  const config = parseConfig({ NODE_ENV: 'test', SECRET_KEYS: PROBE_SECRET_KEYS, ...env });
  const log = createLogger('probe', 'silent');
  const app = createPipeline(
    {
      config,
      database,
      agents: createAgentReader(database),
      clock: systemClock,
      log,
      metrics: createMetrics(),
      limiter: createRateLimiter({ database, log, isOn: config.RATE_LIMITS }),
    },
    routes,
  );
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  // The parse point of a listening server's address: it is not a pipe.
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    database,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await database.client.close();
    },
  };
}
