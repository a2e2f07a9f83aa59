import type { ClientSession } from 'mongodb';
import { recordOwnerAct } from '../../schema/audit';
import { withTransactionBy, type Caller, type OwnerCaller } from '../../schema/prove-caller';
import { deliveryOrder, WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { webhookDeliveryId } from '../../schema/webhook-ids';
import { markReplayed, replayIdOf, replayOf } from './replay';

/** What an agent asks to be sent once more (webhooks.md §11.2). */
export interface Redelivery {
  agentId: string;
  webhookId: string;
  deliveryId: string;
  /** Fresh for each call: what was received may be asked for again and again. */
  token: string;
  /** The agent with the key of its call, or the owner with its claim, which the commit proves; absent = it is no call. */
  caller?: Caller | OwnerCaller;
  now: Date;
}

export type Redelivered =
  | { kind: 'redelivered'; delivery: Delivery; webhook: Webhook }
  | { kind: 'no_webhook' | 'unknown' | 'inactive' | 'unfinished' | 'replayed_before' };

/**
 * Sends what a delivery sent once more: a new delivery of the same bytes and event, due at once. One that was given up is
 * replayed once; one that is still being repeated ends with it, so that the event does not come by both.
 *
 * Original and new delivery are one commit: a crash leaves both or neither, and the sweep of first attempts finds the
 * new one. Two at once of one that was given up: the second finds it marked. An attempt that starts, or an operator who
 * cancels, in the same moment conflicts, and the repeat sees what became of it. A webhook that is deleted meanwhile takes
 * the new delivery along, as it does with all others.
 */
export function redeliver(database: Database, input: Redelivery): Promise<Redelivered> {
  const { agentId, webhookId, deliveryId, token, caller, now } = input;
  return withTransactionBy(database, caller, async (session) => {
    const webhook = await database.webhooks.findOne({ _id: webhookId, agentId }, { session });
    if (webhook === null) return { kind: 'no_webhook' };
    const original = await database.deliveries.findOne(
      { _id: deliveryId, webhookId, expiresAt: { $not: { $lte: now } } },
      { projection: WITHOUT_LOG, session },
    );
    if (original === null) return { kind: 'unknown' };
    if (!webhook.active) return { kind: 'inactive' };
    if (original.status === 'pending' || original.status === 'delivering') return { kind: 'unfinished' };
    if (original.status === 'dead' && original.replayedAt !== null) return { kind: 'replayed_before' };
    const id =
      original.status === 'dead'
        ? replayIdOf(original)
        : webhookDeliveryId(`redeliver|${deliveryId}|${token}`, webhookId);
    const delivery = replayOf(original, id, { order: deliveryOrder(original.position ?? 0, now), now });
    await mark(database, original, { id, now, session });
    await database.deliveries.insertOne(delivery, { session });
    const metadata = { webhook_id: webhookId, delivery_id: deliveryId };
    const act = { caller, action: 'webhook.redelivered' as const, targetId: agentId, metadata, at: now };
    await recordOwnerAct(database, act, session);
    return { kind: 'redelivered', delivery, webhook };
  });
}

/** What was delivered stays as it is: nothing is owed for it. */
async function mark(
  database: Database,
  original: Delivery,
  { id, now, session }: { id: string; now: Date; session: ClientSession },
): Promise<void> {
  if (original.status === 'delivered') return;
  const { filter, update } = markReplayed(original, id, now);
  await database.deliveries.updateOne(filter, update, { session });
}
