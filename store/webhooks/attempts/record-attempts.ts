import type { AnyBulkWriteOperation, ClientSession } from 'mongodb';
import type { WebhookEvent } from '../../../contract/events';
import { DELIVERY_KEEP_MS } from '../../../contract/webhook-limits';
import { isKeepingWaiting } from '../../../domain/webhook-activity';
import {
  countsForBreaker,
  isAborted,
  isDelivered,
  isGone,
  verdictOf,
  type AttemptOutcome,
  type DeliveryVerdict,
} from '../../../domain/webhook-attempt';
import { afterFailure, afterNothing, afterSuccess, type Breaker } from '../../../domain/webhook-breaker';
import { attemptsMaxOf, WEBHOOK_ATTEMPTS_MAX } from '../../../domain/webhook-retry';
import type { AttemptRecord, Delivery } from '../../schema/collections/deliveries';
import { withTransaction, type Database } from '../../schema/database';
import { announceExhausted } from './announce-exhausted';
import { requestRetry } from './retry-requests';

/** How one attempt ended. */
export interface AttemptResult {
  deliveryId: string;
  /** Of a batch: the other deliveries of the request. What becomes of one becomes of all, and it was one attempt. */
  others?: string[];
  /** Its event, by which the number of attempts goes. */
  event: WebhookEvent;
  /** Its number: a result that comes after somebody counted the attempt as lost finds another one and changes nothing. */
  attempt: number;
  /** Of its place on the wire; null when that is gone with its worker. */
  token: string | null;
  at: Date;
  outcome: AttemptOutcome;
  /** What the log keeps of it: written by the statement that writes what the delivery becomes. */
  record: AttemptRecord;
  /** The headers that it was sent with, without its signatures; absent when nothing was sent. */
  sent?: Delivery['sent'];
  /** Between 0 and 1, drawn once: the transaction may run several times. */
  random: number;
}

/** What the attempts changed, for metrics and logs. */
export interface Recorded {
  /** Of each delivery. */
  verdicts: DeliveryVerdict['to'][];
  /** The circuit opened by these. */
  opened: boolean;
  /** The webhook became inactive by these. */
  gone: boolean;
}

/**
 * Records how attempts of one webhook ended. Deliveries, circuit, places on the wire and the row that makes the durable
 * flow look at the webhook commit together, so a failed attempt is never without somebody who repeats it.
 *
 * Dies before it: the lease of each attempt ends, it counts as lost and is repeated under the same delivery id. Two at
 * once (a slow worker, and whoever counted its attempt as lost): the attempt's number lets one of them through. Of a
 * webhook that is deleted meanwhile nothing is written.
 */
export function recordAttempts(database: Database, webhookId: string, results: AttemptResult[]): Promise<Recorded> {
  return withTransaction(database, async (session) => {
    const webhook = await database.webhooks.findOne({ _id: webhookId }, { session });
    if (webhook === null) return { verdicts: [], opened: false, gone: false };
    const after = results.reduce(moveBreaker, webhook.breaker);
    const gone = webhook.active && results.some(({ outcome }) => isGone(outcome));
    const isTried = (webhook.active && !gone) || isKeepingWaiting(webhook);
    const verdicts = results.map((result) => settledBy(result, isTried));
    await database.deliveries.bulkWrite(
      results.map((result, index) => changesOf(result, verdicts[index] ?? settledBy(result, isTried), isTried)),
      { session },
    );
    await database.webhooks.updateOne(
      { _id: webhookId },
      {
        $set: { breaker: after, ...(gone ? { active: false, disabledReason: 'gone' as const } : {}) },
        $pull: { slots: { token: { $in: results.flatMap(({ token }) => token ?? []) } } },
      },
      { session },
    );
    await noteDue(database, webhookId, { verdicts, after, gone }, session);
    const dead = results.filter((_, index) => verdicts[index]?.to === 'dead');
    const deadIds = dead.flatMap(({ deliveryId, others = [] }) => [deliveryId, ...others]);
    await announceExhausted(database, webhook, deadIds, session);
    const opened = after.state === 'open' && webhook.breaker.state !== 'open';
    const perDelivery = verdicts.flatMap(({ to }, index) => [to, ...(results[index]?.others ?? []).map(() => to)]);
    return { verdicts: perDelivery, opened, gone };
  });
}

function moveBreaker(breaker: Breaker, { outcome, token, at }: AttemptResult): Breaker {
  if (isDelivered(outcome)) return afterSuccess(breaker, token ?? '');
  return countsForBreaker(outcome) ? afterFailure(breaker, at) : afterNothing(breaker, token ?? '', at);
}

/** An inactive webhook gets nothing more, unless it keeps what waits until it is switched on again. */
function settledBy({ outcome, event, attempt, at, random }: AttemptResult, isTried: boolean): DeliveryVerdict {
  const verdict = verdictOf(outcome, { attempt, at, random, attemptsMax: attemptsMaxOf(event) });
  if (isTried || verdict.to !== 'failed') return verdict;
  return { to: 'cancelled', status: verdict.status, error: verdict.error };
}

function changesOf(
  { deliveryId, others = [], attempt, at, outcome, record, sent }: AttemptResult,
  verdict: DeliveryVerdict,
  isTried: boolean,
): AnyBulkWriteOperation<Delivery> {
  const isForInactive = verdict.to === 'cancelled' && !isTried && !isAborted(outcome);
  const set: Partial<Delivery> = {
    status: verdict.to,
    leaseUntil: null,
    lastStatus: verdict.status,
    lastError: verdict.to === 'delivered' ? null : verdict.error,
    nextAttemptAt: verdict.to === 'failed' ? verdict.nextAttemptAt : null,
    deliveredAt: verdict.to === 'delivered' ? at : null,
    deadAt: verdict.to === 'dead' ? at : null,
    expiresAt: verdict.to === 'failed' ? null : new Date(at.getTime() + DELIVERY_KEEP_MS),
    ...(isForInactive ? { cancelledFor: 'inactive' as const } : {}),
    ...(sent === undefined ? {} : { sent }),
  };
  const log = { $each: [record], $slice: -WEBHOOK_ATTEMPTS_MAX };
  const own = { _id: { $in: [deliveryId, ...others] }, status: 'delivering' as const, attempts: attempt };
  return { updateMany: { filter: own, update: { $set: set, $push: { log } } } };
}

/** Whatever the flow has to do: repeat, wait for the end of a cool-down, cancel what waits at an endpoint that is gone. */
async function noteDue(
  database: Database,
  webhookId: string,
  { verdicts, after, gone }: { verdicts: DeliveryVerdict[]; after: Breaker; gone: boolean },
  session: ClientSession,
): Promise<void> {
  const dueTimes = verdicts.flatMap((verdict) => (verdict.to === 'failed' ? [verdict.nextAttemptAt] : []));
  if (after.openUntil !== null) dueTimes.push(after.openUntil);
  if (gone) dueTimes.push(new Date(0));
  if (dueTimes.length === 0) return;
  const dueAt = new Date(Math.min(...dueTimes.map((time) => time.getTime())));
  await requestRetry(database, webhookId, dueAt, session);
}
