import type { Filter } from 'mongodb';
import { DELIVERY_KEEP_MS } from '../../../contract/webhook-limits';
import type { Delivery } from '../../schema/collections/deliveries';

/** What a recovery is about: times of events, from the first on and before the second. */
export interface RecoveryScope {
  since: Date;
  until: Date;
  /** Null: what was given up or missed, and what was never made; else only deliveries in this state. */
  status: 'dead' | 'failed' | null;
}

/** A delivery that was received longer ago than it is kept would look like one that was never made. */
const MARGIN_MS = 3_600_000;

/** From when on it is known of every event whether it was delivered. */
export function knownSince(since: Date, now: Date): Date {
  return new Date(Math.max(since.getTime(), now.getTime() - DELIVERY_KEEP_MS + MARGIN_MS));
}

/** The deliveries of a webhook that a recovery sends again; and the index that finds them by time. */
export function owedBy(webhookId: string, { since, until, status }: RecoveryScope): Filter<Delivery>[] {
  const which: Filter<Delivery> =
    status === null
      ? { status: { $in: ['dead', 'cancelled'] }, $or: [{ status: 'dead' }, { cancelledFor: 'inactive' }] }
      : { status };
  return [
    { webhookId, createdAt: { $gte: since, $lt: until }, ...which },
    // A presence of then is worth nothing now (webhooks.md §11.7).
    { replayedAt: null, event: { $ne: 'presence.update' } },
  ];
}

export const indexOf = ({ status }: RecoveryScope): string =>
  status === 'failed' ? 'webhook_status_order' : 'webhook_ended_created_order';
