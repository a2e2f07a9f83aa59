import type { AddressInfo } from 'node:net';
import { systemClock } from '../platform/clock';
import { createFlows } from '../platform/flows';
import { createMetrics } from '../platform/metrics';
import { announceReady } from '../platform/ready';
import { stopOnSignal, untilReady } from '../platform/shutdown';
import { startProcess } from '../platform/start';
import { createAgentReader } from '../store/agents';
import { createCommitter } from '../store/committer/committer';
import { openDatabase, prepareDatabase, type Database } from '../store/database';
import { createApp } from './app';
import { answerHttpFaults } from './http-faults';
import { attachRealtime } from './realtime/attach';
import { createRegistration } from './registration';

/** Open requests get this long at a shutdown; sockets are closed within the first two seconds of it. */
const DEADLINE_MS = 9_000;

async function main(): Promise<void> {
  const { config, log } = startProcess('api');
  const metrics = createMetrics();
  const database = openDatabase({ uri: config.MONGODB_URI, name: config.MONGODB_DB });
  await untilReady(log, 'database', () => prepareDatabase(database));
  const agents = createAgentReader(database);
  const committer = createCommitter({
    database,
    agents,
    clock: systemClock,
    log,
    limitRate: config.RATE_LIMITS,
    observe: ({ items, seconds, conflicts }) => {
      metrics.commitItems.observe(items);
      metrics.commitSeconds.observe(seconds);
      metrics.commitConflicts.inc(conflicts);
    },
  });
  const flows = createFlows({ config, metrics, log });
  const registration = createRegistration({
    database,
    agents,
    flows,
    clock: systemClock,
    log,
    secretKeys: config.SECRET_KEYS,
    caps: { live: config.AGENTS_PER_EMAIL_LIVE, lifetime: config.AGENTS_PER_EMAIL_LIFETIME },
  });
  let isBusUp = (): boolean => true;
  const app = createApp({
    config,
    database,
    agents,
    committer,
    registration,
    clock: systemClock,
    log,
    metrics,
    health: { mongodb: () => answers(database), bus: () => isBusUp(), temporal: flows.isUp },
  });
  const realtime = await attachRealtime(app, { config, database, agents, committer, log, metrics });
  isBusUp = realtime.isUp;
  const server = realtime.listen(config.PORT, config.HOST);
  answerHttpFaults(server);
  server.once('error', (error: NodeJS.ErrnoException) => {
    log.fatal({ event: 'api.listen_failed', code: error.code, port: config.PORT });
    process.exit(1);
  });
  server.once('listening', () => {
    const { port } = server.address() as AddressInfo;
    log.info({ event: 'api.ready', port });
    announceReady({ port });
  });
  stopOnSignal(log, DEADLINE_MS, async () => {
    server.close();
    await realtime.close();
    server.closeIdleConnections();
    await committer.idle();
    await flows.close();
    await database.client.close();
  });
}

async function answers(database: Database): Promise<boolean> {
  return database.db.command({ ping: 1 }, { timeoutMS: 1_500 }).then(
    () => true,
    () => false,
  );
}

void main();
