import type { Server } from 'node:http';
import type { Orders } from '../platform/bus';
import type { BlobStore } from '../platform/blobs/blob-store';
import { openBlobStore } from '../platform/blobs/open';
import { createSharedClock, systemClock, type Clock } from '../platform/clock';
import type { Config } from '../platform/config';
import { createFlows, type Flows } from '../platform/flows/flows';
import { createAvatarPool } from '../platform/images/avatar-pool';
import type { Logger } from '../platform/logger';
import { createMetrics, type Metrics } from '../platform/metrics';
import { announceReady } from '../platform/ready';
import { createUrlSigner } from '../platform/signed-urls';
import { stopOnSignal, untilReady } from '../platform/shutdown';
import { startProcess } from '../platform/start';
import { createAgentReader, type AgentReader } from '../store/agents/agents';
import { createCommitter, type Committer } from '../store/sending/committer';
import { prepareStore } from '../store/accounts/system-agents';
import { openDatabase, SERVING_SILENCE_MS_MAX, type Database } from '../store/schema/database';
import { within } from '../store/schema/deadline';
import { exposePool } from '../store/schema/pool-metrics';
import { watchReach, type Reach } from '../store/schema/reach';
import { createCommands, type Commands } from './commands/commands';
import { createOrders } from '../store/nodes/orders';
import { createApp } from './app';
import { createAvatars } from './commands/store-avatar';
import { createEnforcement, reconsideredCallers } from './commands/enforce-agent';
import { answerHttpFaults, limitRequests } from './http/http-faults';
import { createRateLimiter } from './http/rate-limiter';
import { joinNodes, type LiveNode } from './realtime/node';
import { PresenceService } from './realtime/presence/presence';
import { createTurnReads } from './turns/read-turns';
import { createTurns, type Turns } from './turns/turns';
import { Voices } from './voice/voices';
import { attachRealtime, type Realtime } from './realtime/attach';

/** Open requests get this long at a shutdown; sockets are closed within the first two seconds of it. */
const DEADLINE_MS = 9_000;
const CONTROL_POOL = 3;
/** Longer than any of their calls may take on the server (`QUICK_READ`). */
const CONTROL_SILENCE_MS_MAX = 2_500;
/** A batch of sends or acks takes milliseconds: one that takes so long waits in vain. */
const BATCH_MS_MAX = 10_000;
/** Whoever asks for the node's health must hear of a database that hangs, not hang with it. */
const PING_MS_MAX = 1_500;
/** Of it, what requests that are still being answered may take. */
const DRAIN_MS = 5_000;

async function main(): Promise<void> {
  const { config, log } = startProcess('api');
  const metrics = createMetrics();
  await untilReady(log, 'database', () => prepareStore(placeOf(config), systemClock.now()));
  const database = openDatabase({ ...placeOf(config), silenceMsMax: SERVING_SILENCE_MS_MAX });
  exposePool(database.client, metrics.registry);
  const clock = createSharedClock();
  const flows = createFlows({ config, metrics, log });
  const orders = createOrders({ database, log });
  const enforcement = createEnforcement({ database, flows, orders, clock, log });
  const agents = reconsideredCallers(createAgentReader(database), enforcement);
  const committer = buildCommitter({ config, database, agents, clock, log, metrics });
  const blobs = await openBlobStore(config.BLOB_STORE);
  const pool = createAvatarPool();
  const control = openControl(config);
  const reach = watchReach({ database: control, log });
  const joining = { database, control, reach, clock, committer, publicBaseUrl: config.PUBLIC_BASE_URL, metrics, log };
  const node = await joinNodes(joining);
  const presence = buildPresence({ database, node, clock, log });
  const turns = createTurns({ database, committer, live: node, clock, flows, log });
  const voices = buildVoices({ config, database, agents, clock, log }, { committer, node });
  const shared = { config, database, agents, committer, turns, voices, presence, clock, log, metrics };
  const app = createApp({
    ...shared,
    commands: buildCommands({ config, database, agents, clock, flows, log, orders: node.orders }),
    live: node,
    flows,
    reach,
    orders: node.orders,
    enforcement,
    limiter: createRateLimiter({ database, log, isOn: config.RATE_LIMITS }),
    blobs,
    avatars: createAvatars({ database, blobs, pool, log }),
    health: { ...healthOf(flows, blobs, node), mongodb: () => serves(database, reach, committer) },
  });
  const attached = attachRealtime(app, { ...shared, node });
  const server = listen(attached, config, log);
  stopOnSignal(log, DEADLINE_MS, async () => {
    await leave({ server, turns, attached, committer });
    pool.close();
    blobs.close();
    await Promise.all([flows.close(), reach.close()]);
    await Promise.all([database.client.close(), control.client.close()]);
  });
}

interface Serving {
  server: Server;
  turns: Turns;
  attached: Realtime;
  committer: Committer;
}

/** Nobody is served any more; what was accepted is settled. */
async function leave({ server, turns, attached, committer }: Serving): Promise<void> {
  const drained = drain(server);
  await turns.close();
  await attached.close();
  await drained;
  await committer.idle();
}

/** The database once more, for the lease and orders of this node: they wait behind nothing else. */
const openControl = (config: Config): Database =>
  openDatabase({ ...placeOf(config), poolSize: CONTROL_POOL, silenceMsMax: CONTROL_SILENCE_MS_MAX });

const placeOf = (config: Config) => ({ uri: config.MONGODB_URI, name: config.MONGODB_DB });

function buildPresence({ node, ...deps }: Pick<GraphDeps, 'database' | 'clock' | 'log'> & { node: LiveNode }) {
  return new PresenceService({
    ...deps,
    live: node,
    nodeId: node.connections.nodeId,
  });
}

function buildVoices(
  { config, ...graph }: GraphDeps,
  { committer, node }: { committer: Committer; node: LiveNode },
): Voices {
  const signer = createUrlSigner(config.SECRET_KEYS);
  const reads = createTurnReads({ ...graph, live: node });
  return new Voices({ ...graph, committer, reads, signer, nodeId: node.connections.nodeId });
}

function listen(realtime: Realtime, config: Config, log: Logger): Server {
  const server = realtime.listen(config.PORT, config.HOST);
  answerHttpFaults(server);
  limitRequests(server);
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
  /** The database's, or windows and times of one conversation would jump between nodes. */
  clock: Clock;
  log: Logger;
}

function buildCommitter({ config, metrics, ...graph }: GraphDeps & { metrics: Metrics }): Committer {
  return createCommitter({
    ...graph,
    limitRate: config.RATE_LIMITS,
    observe: ({ items, seconds, conflicts }) => {
      metrics.commitItems.observe(items);
      metrics.commitSeconds.observe(seconds);
      metrics.commitConflicts.inc(conflicts);
    },
  });
}

function buildCommands({ config, ...graph }: GraphDeps & { flows: Flows; orders: Orders }): Commands {
  return createCommands({
    ...graph,
    secretKeys: config.SECRET_KEYS,
    caps: { live: config.AGENTS_PER_EMAIL_LIVE, lifetime: config.AGENTS_PER_EMAIL_LIFETIME },
  });
}

const healthOf = (flows: Flows, blobs: BlobStore, node: LiveNode) => ({
  bus: node.isUp,
  temporal: flows.isUp,
  blobs: blobs.isUp,
});

async function serves(database: Database, reach: Reach, committer: Committer): Promise<boolean> {
  if (reach.isLost() || committer.oldestBatchMs() > BATCH_MS_MAX) return false;
  return within(PING_MS_MAX, database.db.command({ ping: 1 })).then(
    () => true,
    () => false,
  );
}

void main();
