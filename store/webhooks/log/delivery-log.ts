import type { Filter } from 'mongodb';
import { ALL_WEBHOOK_EVENTS, type WebhookEvent } from '../../../contract/events';
import type { Delivery, DeliveryStatus } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { QUICK_READ, SAFE_READ } from '../../schema/reads';
import type { LogPlace } from '../recovery/owed';

/** What agents read of their deliveries (webhooks.md §11.1). Rows are removed by an index; readers do not rely on it. */

/** A delivery as lists show it. */
export type ListedDelivery = Omit<Delivery, 'body' | 'log' | 'sent'>;

const LISTED = { body: 0, log: 0, sent: 0 } as const;

export interface DeliveryQuery {
  status?: DeliveryStatus | undefined;
  event?: WebhookEvent | undefined;
  /** By creation: from the first on, before the second. */
  since?: Date | undefined;
  until?: Date | undefined;
  /** The last row of the page before this one. */
  before?: LogPlace | undefined;
  limit: number;
  now: Date;
}

/** A page of a webhook's deliveries, the newest first; those of one millisecond in the order of their events, backwards. */
export function listDeliveries(
  database: Database,
  webhookId: string,
  { status, event, since, until, before, limit, now }: DeliveryQuery,
): Promise<ListedDelivery[]> {
  const createdAt = {
    ...(since === undefined ? {} : { $gte: since }),
    ...(until === undefined ? {} : { $lt: until }),
    ...(before === undefined ? {} : { $lte: before.at }),
  };
  const filter: Filter<Delivery> = {
    webhookId,
    // All of them, named: the one index of events and times serves both.
    event: event ?? { $in: [...ALL_WEBHOOK_EVENTS] },
    ...(status === undefined ? {} : { status }),
    ...(Object.keys(createdAt).length === 0 ? {} : { createdAt }),
    ...(before === undefined ? {} : { $or: olderThan(before) }),
    expiresAt: { $not: { $lte: now } },
  };
  return database.deliveries
    .find<ListedDelivery>(filter, {
      ...SAFE_READ,
      projection: LISTED,
      sort: { createdAt: -1, order: -1, _id: -1 },
      limit,
      hint: INDEX_OF[status ?? 'delivered'],
    })
    .toArray();
}

const olderThan = ({ at, order, id }: LogPlace): Filter<Delivery>[] => [
  { createdAt: { $lt: at } },
  { order: { $lt: order } },
  { order, _id: { $lt: id } },
];

/**
 * What most rows are is found among all by time; what few are by an index of these. Of what is still under way there is
 * at most a backlog, which is sorted as it is read.
 */
const INDEX_OF: Record<DeliveryStatus, string> = {
  delivered: 'webhook_event_created_order',
  dead: 'webhook_ended_created_order',
  cancelled: 'webhook_ended_created_order',
  pending: 'webhook_status_order',
  delivering: 'webhook_status_order',
  failed: 'webhook_status_order',
};

/** One delivery of a webhook with what was sent and what came of each attempt; null when there is none, or no longer. */
export function findDelivery(
  database: Database,
  { webhookId, id, now }: { webhookId: string; id: string; now: Date },
): Promise<Delivery | null> {
  return database.deliveries.findOne({ _id: id, webhookId, expiresAt: { $not: { $lte: now } } }, SAFE_READ);
}

/** How far a delivery is; null when it is gone with its webhook. */
export function lookAtDelivery(database: Database, id: string): Promise<ListedDelivery | null> {
  return database.deliveries.findOne<ListedDelivery>({ _id: id }, { ...QUICK_READ, projection: LISTED });
}
