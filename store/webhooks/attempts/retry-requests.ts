import type { ClientSession } from 'mongodb';
import type { Database } from '../../schema/database';

const retryRequestId = (webhookId: string): string => `webhook.trouble:${webhookId}`;

/**
 * Makes the durable flow of a webhook look at it by `dueAt`: one row per webhook, whatever the number of failures. Part
 * of the caller's transaction where it has one.
 *
 * A relay that signals while another failure commits finds the row changed and signals once more.
 */
export async function requestRetry(
  database: Database,
  webhookId: string,
  dueAt: Date,
  session?: ClientSession,
): Promise<void> {
  await database.outbox.updateOne(
    { _id: retryRequestId(webhookId) },
    {
      $setOnInsert: { kind: 'webhook.trouble', webhookId, createdAt: new Date() },
      $min: { dueAt },
      $inc: { notes: 1 },
      $unset: { isSweep: '' },
    },
    { upsert: true, ...(session === undefined ? {} : { session }) },
  );
}

/**
 * Has the flow started where none runs: something waits for one, as a sweep has found. Nothing where a row is there
 * already, so sweeps never add to it, and a flow that runs is not told (`requestRetries`): it knows from its own look when
 * the next one is due, and signals that it does not take up would gather to its limit.
 */
export async function requestFlow(database: Database, webhookId: string, dueAt: Date): Promise<void> {
  await database.outbox.updateOne(
    { _id: retryRequestId(webhookId) },
    {
      $setOnInsert: { kind: 'webhook.trouble', webhookId, dueAt, notes: 1, isSweep: true, createdAt: new Date() },
    },
    { upsert: true },
  );
}

/** Takes the row away unless it was written again since it was read. */
export async function settleRetryRequest(
  database: Database,
  { _id, notes }: { _id: string; notes: number },
): Promise<void> {
  await database.outbox.deleteOne({ _id, notes });
}

/**
 * After a hold on webhooks ended: what failed before it and is due meanwhile is due at once (webhooks.md §5). Part of the
 * transaction that lets go of them, so nobody has to find out by looking.
 */
export async function noteReleased(
  database: Database,
  webhookIds: string[],
  at: Date,
  session: ClientSession,
): Promise<void> {
  for (const webhookId of webhookIds) {
    const failed = await database.deliveries.findOne(
      { webhookId, status: 'failed' },
      { projection: { nextAttemptAt: 1 }, sort: { nextAttemptAt: 1 }, session },
    );
    if (failed !== null) await requestRetry(database, webhookId, failed.nextAttemptAt ?? at, session);
  }
}
