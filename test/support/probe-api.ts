import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { createPipeline } from '../../api/app';
import { createRateLimiter } from '../../api/http/rate-limiter';
import type { Route } from '../../api/http/route';
import type { Endpoint } from '../../contract/endpoint';
import { systemClock } from '../../platform/clock';
import { parseConfig } from '../../platform/config';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createAgentReader } from '../../store/agents/agents';
import { openDatabase, type Database } from '../../store/schema/database';
import { prepareDatabase } from '../../store/schema/migrations/prepare';
import { testServers } from './servers';
import { use } from './use';

/** The real pipeline on real stores around routes of a test: what the pipeline does with any route. */
export interface ProbeApi {
  baseUrl: string;
  database: Database;
  stop(): Promise<void>;
}

/** An endpoint that is there for a test alone; for agents unless `more` says otherwise. */
export const probeEndpoint = (method: Endpoint['method'], path: string, more: Partial<Endpoint> = {}): Endpoint => ({
  method,
  path,
  operationId: `${method} ${path}`,
  summary: 'Probe',
  tag: 'Probe',
  auth: 'agent',
  responses: { 200: { description: 'Done', schema: z.looseObject({}) } },
  errors: [],
  ...more,
});

export const PROBE_SECRET_KEYS = `probe:${randomBytes(32).toString('base64')}`;

/** For the tests of the surrounding block: an api per environment, all on one fresh database. */
export function useProbeApis<Environments extends Readonly<Record<string, string>>[]>(
  routes: Route[],
  ...environments: Environments
): { [Index in keyof Environments]: ProbeApi } {
  const dbName = `test-probe-${randomBytes(6).toString('hex')}`;
  const apis = environments.map((env, index) =>
    use(
      () => startProbeApi(dbName, routes, env),
      async ({ database, stop }) => {
        // The first is closed last.
        if (index === 0) await database.db.dropDatabase();
        await stop();
      },
    ),
  );
  // The parse point of `map` over a tuple.
  return apis as { [Index in keyof Environments]: ProbeApi };
}

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
