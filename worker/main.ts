import type { Server } from 'node:http';
import {
  NativeConnection,
  Worker,
  type ActivityInterceptorsFactory,
  type NativeConnectionOptions,
} from '@temporalio/worker';
import { startRelay } from '../delivery/relay';
import { systemClock } from '../platform/clock';
import { openBlobStore } from '../platform/blobs/open';
import { createFlows } from '../platform/flows/flows';
import type { Config } from '../platform/config';
import type { Logger } from '../platform/logger';
import { createMailer } from '../platform/mail';
import { createMetrics, type Metrics } from '../platform/metrics';
import { startMetricsServer } from '../platform/metrics-server';
import { announceReady } from '../platform/ready';
import { stopOnSignal, untilReady } from '../platform/shutdown';
import { startProcess } from '../platform/start';
import { temporalConnectionOptions } from '../platform/temporal-connection';
import { prepareStore } from '../store/accounts/system-agents';
import { createAgentReader } from '../store/agents/agents';
import { openFacilitator } from '../store/gateway/open-facilitator';
import { wakeAgents } from '../store/nodes/wake-agents';
import { openDatabase, type Database } from '../store/schema/database';
import { exposePool } from '../store/schema/pool-metrics';
import { createCommitter, type Committer } from '../store/sending/committer';
import { TASK_QUEUES } from '../workflows/messages/task-queues';
import { createActivities } from './activities';
import { createActivityGuard } from './activity-guard';
import { exposeBacklog } from './backlog-metrics';
import { BUNDLE_PATH } from './bundle';
import { freeLoopbackAddress, readCoreMetrics } from './core-metrics';
import { installRuntime } from './temporal-runtime';
import { startWebhooks } from './webhooks';

/** Stops polling, then gives running activities this long. */
const GRACE_MS = 5_000;
const DEADLINE_MS = 9_000;
/** Twice what the slowest read of housekeeping may take: a connection that is silent for so long has lost its other end. */
const SILENCE_MS_MAX = 60_000;

async function main(): Promise<void> {
  const { config, log } = startProcess('worker');
  const place = { uri: config.MONGODB_URI, name: config.MONGODB_DB };
  await untilReady(log, 'database', () => prepareStore(place, systemClock.now()));
  const database = openDatabase({ ...place, silenceMsMax: SILENCE_MS_MAX });
  const mailer = createMailer(config.SMTP_URL, config.MAIL_FROM);
  const blobs = await openBlobStore(config.BLOB_STORE);
  const metrics = createMetrics();
  exposePool(database.client, metrics.registry);
  const flows = createFlows({ config, metrics, log });
  exposeBacklog({ database, flows, registry: metrics.registry, log });
  const webhooks = startWebhooks({ config, database, metrics, log });
  const coreAddress = config.WORKER_METRICS_PORT === undefined ? null : await freeLoopbackAddress();
  installRuntime(log, coreAddress);
  const metricsServer = serveMetrics({ config, metrics, coreAddress, log });
  const sending = { database, committer: openCommitter({ database, config, log }), clock: systemClock };
  const activities = createActivities({
    ...sending,
    mailer,
    blobs,
    secretKeys: config.SECRET_KEYS,
    undeliveredTtlDays: config.UNDELIVERED_TTL_DAYS,
    publicBaseUrl: config.PUBLIC_BASE_URL,
    webhooks,
    facilitator: openFacilitator({ facilitator: config.X402_FACILITATOR, database, clock: systemClock }),
    metrics,
    log,
  });
  const workers = await connectWorkers({ config, activities, guard: createActivityGuard({ log, metrics }), log });
  await untilReady(log, 'schedules', flows.ensureSchedules);
  const relay = startRelay({ ...sending, flows, metrics, log });
  const running = Promise.all(workers.map((worker) => worker.run()));
  stopOnSignal(log, DEADLINE_MS, async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all([relay.stop(), webhooks.stop()]);
    await running;
    await sending.committer.idle();
    metricsServer?.close();
    mailer.close();
    blobs.close();
    await flows.close();
    await database.client.close();
  });
  log.info({ event: 'worker.ready' });
  announceReady({});
  await running;
}

/** For the messages of the gateway's users that no api got to hand over: sockets, all of them elsewhere, are woken. */
function openCommitter({ config, ...deps }: { database: Database; config: Config; log: Logger }): Committer {
  const committer = createCommitter({
    ...deps,
    agents: createAgentReader(deps.database),
    clock: systemClock,
    limitRate: config.RATE_LIMITS,
    observe: () => undefined,
  });
  committer.onCommitted((commit) => void wakeAgents(deps, [...new Set(commit.map(({ recipientId }) => recipientId))]));
  return committer;
}

interface MetricsDeps {
  config: Config;
  metrics: Metrics;
  /** Where Temporal's native part serves its own. */
  coreAddress: string | null;
  log: Logger;
}

/** A worker listens for nothing else, so only where an operator names a port. */
function serveMetrics({ config, metrics, coreAddress, log }: MetricsDeps): Server | null {
  const { HOST: host, WORKER_METRICS_PORT: port, METRICS_TOKEN: token } = config;
  if (port === undefined || coreAddress === null) return null;
  return startMetricsServer({ host, port, metrics, token, more: () => readCoreMetrics(coreAddress), log });
}

interface WorkersDeps {
  config: Config;
  activities: ReturnType<typeof createActivities>;
  guard: ActivityInterceptorsFactory;
  log: Logger;
}

/** One per task queue, so that no kind of work waits for another. */
async function connectWorkers({ config, activities, guard, log }: WorkersDeps): Promise<Worker[]> {
  const made: Worker[] = [];
  await untilReady(log, 'temporal', async () => {
    const connection = await NativeConnection.connect(temporalConnectionOptions(config) as NativeConnectionOptions);
    for (const taskQueue of Object.values(TASK_QUEUES).slice(made.length)) {
      made.push(
        await Worker.create({
          connection,
          namespace: config.TEMPORAL_NAMESPACE,
          taskQueue,
          workflowBundle: { codePath: BUNDLE_PATH },
          activities,
          interceptors: { activity: [guard] },
          shutdownGraceTime: GRACE_MS,
          // Registrations wait for minutes with little state; two cores hold this many in memory without trouble.
          maxCachedWorkflows: 500,
          maxConcurrentActivityTaskExecutions: 50,
        }),
      );
    }
  });
  return made;
}

void main();
