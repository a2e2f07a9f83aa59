import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';

/** What waits at webhooks: the reads of sweeps and of the flow. */

/** The next webhook behind `after` at which first attempts wait; one seek, whatever the number that waits. */
export async function nextWaiting(database: Database, after: string): Promise<string | null> {
  const row = await database.deliveries.findOne(
    { status: 'pending', webhookId: { $gt: after } },
    { projection: { webhookId: 1 }, sort: { webhookId: 1, order: 1 }, ...READ },
  );
  return row?.webhookId ?? null;
}

/** The next webhook behind `after` with failed deliveries, and when the first of them is due. */
export async function nextFailing(
  database: Database,
  after: string,
): Promise<{ webhookId: string; nextAttemptAt: Date | null } | null> {
  const row = await database.deliveries.findOne(
    { status: 'failed', webhookId: { $gt: after } },
    { projection: { webhookId: 1, nextAttemptAt: 1 }, sort: { webhookId: 1, nextAttemptAt: 1 }, ...READ },
  );
  return row === null ? null : { webhookId: row.webhookId, nextAttemptAt: row.nextAttemptAt };
}

/** Of these webhooks those at which a first attempt may start, and those whose circuit waits for a probe that is due. */
export async function sortByReach(
  database: Database,
  webhookIds: string[],
  now: Date,
): Promise<{ open: string[]; toProbe: string[] }> {
  const rows = await database.webhooks
    .find(
      { _id: { $in: webhookIds }, active: true, held: null },
      { projection: { breaker: 1, slots: 1 }, limit: webhookIds.length, ...READ },
    )
    .toArray();
  const of = (isWanted: (webhook: Pick<Webhook, 'breaker'>) => boolean) => rows.filter(isWanted).map(({ _id }) => _id);
  return {
    open: of(({ breaker }) => breaker.state === 'closed'),
    toProbe: of(({ breaker }) => breaker.state === 'open' && breaker.openUntil !== null && breaker.openUntil <= now),
  };
}

/** When the earliest failed delivery of a webhook is due; null when none failed. */
export async function earliestDue(database: Database, webhookId: string): Promise<Date | null> {
  const row = await database.deliveries.findOne(
    { webhookId, status: 'failed' },
    { projection: { nextAttemptAt: 1 }, sort: { nextAttemptAt: 1 }, ...READ },
  );
  return row?.nextAttemptAt ?? null;
}

/** Counting stops here: an operator needs to know that it is many. */
const COUNTED_MAX = 1_000;

/** How many deliveries of a webhook wait, up to 1,000 of each kind. */
export async function countWaiting(
  database: Database,
  webhookId: string,
): Promise<{ pending: number; failed: number }> {
  const count = (status: 'pending' | 'failed') =>
    database.deliveries.countDocuments({ webhookId, status }, { limit: COUNTED_MAX, ...READ });
  return { pending: await count('pending'), failed: await count('failed') };
}
