import { DELIVERY_KEEP_MS } from '../../../contract/webhook-limits';
import { exactly, type Delivery } from '../../schema/collections/deliveries';
import { envelopeId } from '../../schema/collections/messages';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';

/**
 * Takes a delivery back, if it must not start any more, from the lease that it was just given. Dies before the write: the
 * lease ends, and the next lease comes here again.
 * @returns whether it was
 */
export async function withdraw(database: Database, delivery: Delivery): Promise<boolean> {
  const { _id, attempts } = delivery;
  const isPast =
    (await isLost(database, delivery)) ||
    (await isSettled(database, delivery)) ||
    (await isOutdated(database, delivery));
  if (!isPast) return false;
  const expiresAt = new Date(Date.now() + DELIVERY_KEEP_MS);
  await database.deliveries.updateOne(
    { _id, status: 'delivering', attempts },
    { $set: { status: 'cancelled', leaseUntil: null, expiresAt }, $inc: { attempts: -1 } },
  );
  return true;
}

/**
 * Of a group that was deleted only the notice is told (groups.md G7). The flow of the deletion cancels what waits; this is
 * for what comes due before it got there.
 */
async function isLost(database: Database, { conversationId, messageId }: Delivery): Promise<boolean> {
  if (messageId === undefined || conversationId?.startsWith('grp_') !== true) return false;
  const deletion = await database.groupDeletions.findOne(
    { _id: conversationId },
    { projection: { noticeId: 1 }, ...READ },
  );
  return deletion !== null && deletion.noticeId !== messageId;
}

/** What a pause held back waits long, behind others and in the next pause: the agent may have read or hidden it by now. */
async function isSettled(database: Database, { released, attempts, agentId, position }: Delivery): Promise<boolean> {
  if (released !== true || attempts > 1 || position === undefined) return false;
  const envelope = await database.envelopes.findOne(
    { _id: envelopeId(agentId, position) },
    { projection: { status: 1, unread: 1 }, ...READ },
  );
  return envelope?.status === 'read' || envelope?.unread === 'hidden';
}

/**
 * A presence of which the webhook has a newer one: told after it, the old one would be taken for the state of now
 * (webhooks.md §11.7). What somebody asked to have sent again goes all the same.
 */
async function isOutdated(
  database: Database,
  { webhookId, subjectId, subjectVersion, replayOf }: Delivery,
): Promise<boolean> {
  if (subjectId === undefined || subjectVersion === undefined || replayOf !== null) return false;
  const newer = await database.deliveries.findOne(
    { webhookId, subjectId: exactly(subjectId), subjectVersion: { $gt: subjectVersion } },
    { projection: { _id: 1 }, ...READ },
  );
  return newer !== null;
}
