import type { Server } from 'node:http';
import type { Orders } from '../platform/bus';
import { openBlobStore } from '../platform/blobs/open';
import { systemClock } from '../platform/clock';
import type { Config } from '../platform/config';
import { createFlows, type Flows } from '../platform/flows';
import { createAvatarPool } from '../platform/images/avatar-pool';
import type { Logger } from '../platform/logger';
import { createMetrics, type Metrics } from '../platform/metrics';
import { announceReady } from '../platform/ready';
import { stopOnSignal, untilReady } from '../platform/shutdown';
import { startProcess } from '../platform/start';
import { createAgentReader, type AgentReader } from '../store/agents';
import { createCommitter, type Committer } from '../store/committer/committer';
import { prepareStore } from '../store/system-agents';
import { openDatabase, type Database } from '../store/database';
import { within } from '../store/deadline';
import { settleDeletionStart } from '../store/group-deletions';
import { createAccounts, type Accounts } from './accounts';
import { createOrders } from '../store/orders';
import { createApp } from './app';
import { createAvatars } from './avatars';
import { createEnforcement, reconsideredCallers } from './enforcement';
import { answerHttpFaults } from './http-faults';
import { createRateLimiter } from './rate-limiter';
import { joinNodes, type LiveNode } from './realtime/node';
import { PresenceService } from './realtime/presence';
import { attachRealtime, type Realtime } from './realtime/attach';

/** Open requests get this long at a shutdown; sockets are closed within the first two seconds of it. */
const DEADLINE_MS = 9_000;
const CONTROL_POOL = 3;
/** Whoever asks for the node's health must hear of a database that hangs, not hang with it. */
const PING_MS_MAX = 1_500;
/** Of it, what requests that are still being answered may take. */
const DRAIN_MS = 5_000;

async function main(): Promise<void> {
  const { config, log } = startProcess('api');
  const metrics = createMetrics();
  const database = openDatabase({ uri: config.MONGODB_URI, name: config.MONGODB_DB });
  await untilReady(log, 'database', () => prepareStore(database, systemClock.now()));
  const flows = createFlows({ config, metrics, log });
  const orders = createOrders({ database, log });
  const enforcement = createEnforcement({ database, flows, orders, clock: systemClock, log });
  const agents = reconsideredCallers(createAgentReader(database), enforcement);
  const committer = buildCommitter({ config, database, agents, log, metrics });
  const blobs = await openBlobStore(config.BLOB_STORE);
  const pool = createAvatarPool();
  const control = openControl(config);
  const node = await joinNodes({ database, control, committer, publicBaseUrl: config.PUBLIC_BASE_URL, metrics, log });
  const presence = buildPresence({ database, node, log });
  const app = createApp({
    config,
    database,
    agents,
    committer,
    accounts: buildAccounts({ config, database, agents, flows, log, orders: node.orders }),
    clock: systemClock,
    log,
    metrics,
    live: node,
    watch: node.watch,
    orders: node.orders,
    presence,
    startDeletion: (groupId) => startDeletion({ flows, database }, groupId),
    enforcement,
    limiter: createRateLimiter({ database, log, isOn: config.RATE_LIMITS }),
    blobs,
    avatars: createAvatars({ database, blobs, pool, log }),
    health: { mongodb: () => answers(database), bus: node.isUp, temporal: flows.isUp, blobs: blobs.isUp },
  });
  const attached = attachRealtime(app, { node, presence, config, database, agents, committer, log, metrics });
  const server = listen(attached, config, log);
  stopOnSignal(log, DEADLINE_MS, async () => {
    const drained = drain(server);
    await attached.close();
    await drained;
    await committer.idle();
    pool.close();
    blobs.close();
    await flows.close();
    await Promise.all([database.client.close(), control.client.close()]);
  });
}

async function startDeletion(
  { flows, database }: { flows: Flows; database: Database },
  groupId: string,
): Promise<void> {
  await flows.startGroupDeletion(groupId);
  await settleDeletionStart(database, groupId);
}

/** The database once more, for the lease and orders of this node: they wait behind nothing else. */
const openControl = (config: Config): Database =>
  openDatabase({ uri: config.MONGODB_URI, name: config.MONGODB_DB, poolSize: CONTROL_POOL });

function buildPresence({ database, node, log }: { database: Database; node: LiveNode; log: Logger }): PresenceService {
  return new PresenceService({
    database,
    live: node,
    watch: node.watch,
    clock: systemClock,
    log,
    nodeId: node.connections.nodeId,
  });
}

function listen(realtime: Realtime, config: Config, log: Logger): Server {
  const server = realtime.listen(config.PORT, config.HOST);
  answerHttpFaults(server);
  server.once('error', (error: NodeJS.ErrnoException) => {
    log.fatal({ event: 'api.listen_failed', code: error.code, port: config.PORT });
    process.exit(1);
  });
  server.once('listening', () => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : config.PORT;
    log.info({ event: 'api.ready', port });
    announceReady({ port });
  });
  return server;
}

/** Takes no new connections; open requests get their answers, idle connections end, what lasts longer is cut. */
function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    const end = (): void => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    };
    const cut = setTimeout(() => {
      server.closeAllConnections();
      end();
    }, DRAIN_MS);
    server.close(end);
  });
}

interface GraphDeps {
  config: Config;
  database: Database;
  agents: AgentReader;
  log: Logger;
}

function buildCommitter({ config, database, agents, log, metrics }: GraphDeps & { metrics: Metrics }): Committer {
  return createCommitter({
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
}

function buildAccounts({ config, ...graph }: GraphDeps & { flows: Flows; orders: Orders }): Accounts {
  return createAccounts({
    ...graph,
    clock: systemClock,
    secretKeys: config.SECRET_KEYS,
    caps: { live: config.AGENTS_PER_EMAIL_LIVE, lifetime: config.AGENTS_PER_EMAIL_LIFETIME },
  });
}

async function answers(database: Database): Promise<boolean> {
  return within(PING_MS_MAX, database.db.command({ ping: 1 })).then(
    () => true,
    () => false,
  );
}

void main();
