import { WEBHOOK_ATTEMPTS_AT_ONCE } from '../../../contract/limits';
import { halfOpened } from '../../../domain/webhook-breaker';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { within } from '../../schema/deadline';

/**
 * How long a worker may keep a place on the wire, and a delivery, without recording how the attempt ended: an exchange
 * takes 12 s at most, the rest is for a database that is slow. After it the attempt counts as lost (webhooks.md G10).
 */
export const ATTEMPT_LEASE_MS = 30_000;

/** Taking a lease may take so long; then it is given up, and its end frees what it took. */
export const CLAIM_MS_MAX = 10_000;

/** While one of these stands in the document no attempt starts but the probe. */
const NOT_CLOSED = ['open', 'half_open'];

export interface Slots {
  webhook: Webhook;
  /** Those of the asked tokens that got a place. */
  tokens: string[];
}

/**
 * Takes places on the wire of a webhook: the one conditional update that every attempt starts with. None is given while
 * it is inactive, held or its circuit is not closed; at most ten are out, fewer right after a recovery. A circuit that
 * cannot be read counts as closed.
 *
 * Dies after it: the places come back when their lease ends. Two at once: one document, so never more than the limit.
 * @param now of the machine: leases know no other time
 * @param atOnceMax places that may be out, when fewer than ten are wanted
 * @returns null when no attempt may start
 */
export async function takeSlots(
  database: Database,
  {
    webhookId,
    tokens,
    now,
    atOnceMax = WEBHOOK_ATTEMPTS_AT_ONCE,
  }: { webhookId: string; tokens: string[]; now: Date; atOnceMax?: number },
): Promise<Slots | null> {
  const live = { $filter: { input: '$slots', as: 'slot', cond: { $gt: ['$$slot.until', now] } } };
  const room = { $subtract: [{ $min: ['$breaker.ramp', atOnceMax] }, { $size: '$$live' }] };
  const wanted = tokens.map((token) => ({ token, until: new Date(now.getTime() + ATTEMPT_LEASE_MS) }));
  const given = { $cond: [{ $gt: ['$$room', 0] }, { $slice: [wanted, { $max: ['$$room', 1] }] }, []] };
  const slots = {
    $let: { vars: { live }, in: { $let: { vars: { room }, in: { $concatArrays: ['$$live', given] } } } },
  };
  const taking = database.webhooks.findOneAndUpdate(
    { _id: webhookId, active: true, held: null, 'breaker.state': { $nin: NOT_CLOSED } },
    [{ $set: { slots } }],
    { returnDocument: 'after' },
  );
  const webhook = await within(CLAIM_MS_MAX, taking);
  if (webhook === null) return null;
  const out = new Set(webhook.slots.map(({ token }) => token));
  return { webhook, tokens: tokens.filter((token) => out.has(token)) };
}

/** Gives places back that were not used. A second run finds none of them. */
export async function releaseSlots(database: Database, webhookId: string, tokens: string[]): Promise<void> {
  if (tokens.length === 0) return;
  await database.webhooks.updateOne({ _id: webhookId }, { $pull: { slots: { token: { $in: tokens } } } });
}

/**
 * Lets one probe through a circuit whose cool-down is over: a compare-and-set, so of any number of workers one gets it.
 * Dies after it: the place of the probe runs out and `seen` of the next caller is the half-open circuit with that token.
 * @param now the flow's time, by which cool-downs are measured
 * @returns null when somebody else was faster, or no attempt may start
 */
export async function takeProbe(
  database: Database,
  { seen, token, now }: { seen: Webhook; token: string; now: Date },
): Promise<Slots | null> {
  const { _id, breaker } = seen;
  const slot = { token, until: new Date(Date.now() + ATTEMPT_LEASE_MS) };
  const expected =
    breaker.state === 'open'
      ? { 'breaker.state': 'open' as const, 'breaker.openUntil': { $lte: now } }
      : { 'breaker.state': 'half_open' as const, 'breaker.probe': breaker.probe };
  const taking = database.webhooks.findOneAndUpdate(
    { _id, active: true, held: null, ...expected },
    { $set: { breaker: halfOpened(breaker, token), slots: [slot] } },
    { returnDocument: 'after' },
  );
  const webhook = await within(CLAIM_MS_MAX, taking);
  return webhook === null ? null : { webhook, tokens: [token] };
}

/** Whether the probe of a half-open circuit may still be on the wire. */
export function isProbing({ breaker, slots }: Webhook, now: Date): boolean {
  return slots.some(({ token, until }) => token === breaker.probe && until > now);
}
