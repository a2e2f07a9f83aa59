import { DELIVERY_KEEP_MS } from '../../../contract/webhook-limits';
import type { Delivery } from '../../schema/collections/deliveries';
import { webhookDeliveryId } from '../../schema/webhook-ids';

/** The id of the one replay of a delivery that was never received: whoever asks for it, and however often. */
export function replayIdOf({ _id, webhookId }: Pick<Delivery, '_id' | 'webhookId'>): string {
  return webhookDeliveryId(`replay|${_id}`, webhookId);
}

/**
 * A new delivery of the bytes of an old one, due at `now`. It is no longer of a pause that ended, nor of a batch: whoever asks for it
 * gets it, whatever the agent did with the message since.
 * @param order where it stands among what waits
 */
export function replayOf(original: Delivery, id: string, { order, now }: { order: string; now: Date }): Delivery {
  const { released: _released, cancelledFor: _why, batchId: _batch, log: _log, sent: _sent, ...kept } = original;
  return {
    ...kept,
    _id: id,
    status: 'pending',
    attempts: 0,
    nextAttemptAt: now,
    leaseUntil: null,
    lastStatus: null,
    lastError: null,
    firstAttemptAt: null,
    lastAttemptAt: null,
    deliveredAt: null,
    deadAt: null,
    replayedAt: null,
    replayedAsId: null,
    replayOf: original._id,
    createdAt: now,
    order,
    expiresAt: null,
  };
}

/**
 * What the replay `id` makes of its original: marked, and one that was still being repeated ends, as the replay takes its
 * place. Only while `status` is still what the replay was made for.
 */
export function markReplayed({ _id, status }: Pick<Delivery, '_id' | 'status'>, id: string, now: Date) {
  const ended =
    status === 'failed'
      ? {
          status: 'cancelled' as const,
          nextAttemptAt: null,
          expiresAt: new Date(now.getTime() + DELIVERY_KEEP_MS),
        }
      : {};
  return { filter: { _id, status }, update: { $set: { replayedAt: now, replayedAsId: id, ...ended } } };
}
