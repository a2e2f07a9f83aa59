import { NativeConnection, Runtime, Worker, type NativeConnectionOptions } from '@temporalio/worker';
import { startRelay } from '../delivery/relay';
import { createFlows } from '../platform/flows';
import { createMailer } from '../platform/mail';
import { createMetrics } from '../platform/metrics';
import { announceReady } from '../platform/ready';
import { stopOnSignal, untilReady } from '../platform/shutdown';
import { startProcess } from '../platform/start';
import { temporalConnectionOptions } from '../platform/temporal-connection';
import { openDatabase, prepareDatabase } from '../store/database';
import { TASK_QUEUES } from '../workflows/ids';
import { createActivities } from './activities';
import { BUNDLE_PATH } from './bundle';

/** Stops polling, then gives running activities this long. */
const GRACE_MS = 5_000;
const DEADLINE_MS = 9_000;

async function main(): Promise<void> {
  const { config, log } = startProcess('worker');
  const database = openDatabase({ uri: config.MONGODB_URI, name: config.MONGODB_DB });
  await untilReady(log, 'database', () => prepareDatabase(database));
  const mailer = createMailer(config.SMTP_URL, config.MAIL_FROM);
  const flows = createFlows({ config, metrics: createMetrics(), log });
  Runtime.install({
    logger: {
      log: (level, message) => log.debug({ event: 'temporal', level, message }),
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => log.warn({ event: 'temporal.warning', message }),
      error: (message) => log.error({ event: 'temporal.error', message }),
    },
    shutdownSignals: [],
  });
  const worker = await connectWorker();
  const relay = startRelay({ database, flows, log });
  const running = worker.run();
  stopOnSignal(log, DEADLINE_MS, async () => {
    worker.shutdown();
    await relay.stop();
    await running;
    mailer.close();
    await flows.close();
    await database.client.close();
  });
  log.info({ event: 'worker.ready' });
  announceReady({});
  await running;

  async function connectWorker(): Promise<Worker> {
    let made: Worker | null = null;
    await untilReady(log, 'temporal', async () => {
      const connection = await NativeConnection.connect(temporalConnectionOptions(config) as NativeConnectionOptions);
      made = await Worker.create({
        connection,
        namespace: config.TEMPORAL_NAMESPACE,
        taskQueue: TASK_QUEUES.accounts,
        workflowBundle: { codePath: BUNDLE_PATH },
        activities: createActivities({ database, mailer, secretKeys: config.SECRET_KEYS, log }),
        shutdownGraceTime: GRACE_MS,
        // Registrations wait for minutes with little state; two cores hold this many in memory without trouble.
        maxCachedWorkflows: 500,
        maxConcurrentActivityTaskExecutions: 50,
      });
    });
    if (made === null) throw new Error('no worker was made');
    return made;
  }
}

void main();
