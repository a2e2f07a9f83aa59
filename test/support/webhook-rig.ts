import { randomBytes } from 'node:crypto';
import { attemptDue, type DueAttempts } from '../../delivery/retries';
import type { AttemptDeps } from '../../delivery/attempt';
import { startFirstAttempts, type FirstAttempts } from '../../delivery/first-attempts';
import { systemClock } from '../../platform/clock';
import { createEgress, type Egress } from '../../platform/egress/egress';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { newId } from '../../platform/ids';
import { deliveryOrder, type Delivery } from '../../store/schema/collections/deliveries';
import { CLOSED_BREAKER, type Webhook } from '../../store/schema/collections/webhooks';
import { AckLane } from '../../store/sending/ack-lane';
import type { Database } from '../../store/schema/database';
import { createWebhookSecrets, type WebhookSecrets } from '../../store/webhooks/webhook-secrets';
import { eventIdOf, webhookDeliveryId } from '../../store/schema/webhook-ids';
import { openTestDatabase, type TestDatabaseOptions } from './database';
import { use } from './use';

const secrets = createWebhookSecrets([{ id: 'test', key: randomBytes(32) }]);
export const SECRET = 'cd'.repeat(32);

/** Seals a secret as the rig's workers open it. */
export const sealSecret = secrets.seal;

/** A worker's part of webhooks on a database of its own, without processes. */
export interface WebhookRig {
  database: Database;
  deps: AttemptDeps;
  /** A worker that makes first attempts, each of `timeoutMs` at most; until they are stopped. */
  startWorker(timeoutMs?: number): FirstAttempts;
  stopWorkers(): Promise<void>;
  attemptDue(webhookId: string, now: Date): Promise<DueAttempts>;
  close(): Promise<void>;
}

/** Such a rig for the tests of the surrounding block. */
export function useWebhookRig(options: TestDatabaseOptions = {}): WebhookRig {
  return use(
    () => openWebhookRig(options),
    (rig) => rig.close(),
  );
}

/** The way out, to this machine only. */
const openEgress = (timeoutMs?: number): Egress =>
  createEgress({
    resolve: () => Promise.resolve(['127.0.0.1']),
    isForbidden: () => false,
    allowHttp: true,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });

async function openWebhookRig(options: TestDatabaseOptions): Promise<WebhookRig> {
  const { database, drop } = await openTestDatabase(options);
  const log = createLogger('test', 'silent');
  const egress = openEgress();
  const egresses = [egress];
  const acks = new AckLane({ database, clock: systemClock, log, observe: () => undefined });
  const deps: AttemptDeps = {
    database,
    egress,
    openSecret: secrets.open,
    ack: (command) => acks.ack(command),
    metrics: createMetrics(),
    log,
    isStopping: () => false,
  };
  const workers: FirstAttempts[] = [];
  const stopWorkers = async (): Promise<void> => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  };
  return {
    database,
    deps,
    startWorker: (timeoutMs) => {
      const own = timeoutMs === undefined ? egress : openEgress(timeoutMs);
      if (own !== egress) egresses.push(own);
      const worker = startFirstAttempts({ ...deps, egress: own });
      workers.push(worker);
      return worker;
    },
    attemptDue: (webhookId, now) => attemptDue(deps, { webhookId, now, onStep: () => undefined }),
    stopWorkers,
    close: async () => {
      await Promise.all(egresses.map((one) => one.close()));
      await stopWorkers();
      await acks.idle();
      await drop();
    },
  };
}

/** How the processes of a stack seal secrets: `SECRET_KEYS` is `id:base64`. */
export function secretsOf(stack: { secretKeys: string }): WebhookSecrets {
  const [id = '', key = ''] = stack.secretKeys.split(':');
  return createWebhookSecrets([{ id, key: Buffer.from(key, 'base64') }]);
}

/** A webhook as its creation leaves it. */
export async function seedWebhook(
  database: Database,
  url: string,
  changes: Partial<Webhook> = {},
  sealedBy: WebhookSecrets = secrets,
): Promise<Webhook> {
  const id = newId('webhook');
  const webhook: Webhook = {
    _id: id,
    agentId: newId('agent'),
    url,
    events: ['message.new'],
    active: true,
    disabledReason: null,
    secret: sealedBy.seal(id, SECRET),
    legacySignature: false,
    createdAt: new Date(),
    fromVersion: 1,
    held: null,
    breaker: CLOSED_BREAKER,
    slots: [],
    ...changes,
  };
  await database.webhooks.insertOne(webhook);
  return webhook;
}

let seeded = 0;

/** Deliveries as an intent leaves them, in this order. */
export async function seedDeliveries(
  database: Database,
  webhook: Webhook,
  count = 1,
  changes: Partial<Delivery> = {},
): Promise<Delivery[]> {
  const rows = Array.from({ length: count }, (): Delivery => {
    seeded += 1;
    const eventId = eventIdOf(`obx_${seeded}`);
    const at = new Date();
    return {
      _id: webhookDeliveryId(eventId, webhook._id),
      webhookId: webhook._id,
      agentId: webhook.agentId,
      event: 'message.new',
      eventId,
      body: JSON.stringify({ event: 'message.new', timestamp: at.toISOString(), data: { n: seeded }, id: eventId }),
      status: 'pending',
      attempts: 0,
      nextAttemptAt: at,
      lastStatus: null,
      lastError: null,
      firstAttemptAt: null,
      lastAttemptAt: null,
      deliveredAt: null,
      deadAt: null,
      replayedAt: null,
      replayedAsId: null,
      replayOf: null,
      createdAt: at,
      order: deliveryOrder(seeded, at),
      expiresAt: null,
      ...changes,
    };
  });
  await database.deliveries.insertMany(rows);
  return rows;
}
