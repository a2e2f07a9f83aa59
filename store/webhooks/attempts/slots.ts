import type { Document, Filter } from 'mongodb';
import { WEBHOOK_ATTEMPTS_AT_ONCE } from '../../../contract/webhook-limits';
import { halfOpened } from '../../../domain/webhook-breaker';
import type { Webhook, WebhookSlot } from '../../schema/collections/webhooks';
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
  /** When the next attempt may start, where the webhook's rate limit left some without a place. */
  pacedUntil?: Date;
}

/** What a rate limit counts starts over (webhooks.md §11.7). */
const PACE_MS = 1_000;

/**
 * Takes places on the wire of a webhook: the one conditional update that every attempt starts with. None is given while
 * it is inactive, held or its circuit is not closed; at most ten are out, fewer right after a recovery; within any second
 * no more than its rate limit. A circuit that cannot be read counts as closed.
 *
 * Dies after it: the places come back when their lease ends. Two at once: one document, so never more than the limit.
 * @param now of the machine: leases know no other time
 * @param wanted what else must be true of the webhook: that it wants what the attempts were chosen by
 * @param atOnceMax places that may be out, when fewer than ten are wanted
 * @returns null when no attempt may start
 */
export async function takeSlots(
  database: Database,
  {
    webhookId,
    tokens,
    now,
    wanted: asked = {},
    atOnceMax = WEBHOOK_ATTEMPTS_AT_ONCE,
  }: {
    webhookId: string;
    tokens: string[];
    now: Date;
    wanted?: Filter<Webhook>;
    atOnceMax?: number | undefined;
  },
): Promise<Slots | null> {
  const wanted = tokens.map((token) => ({ token, until: new Date(now.getTime() + ATTEMPT_LEASE_MS) }));
  const taking = database.webhooks.findOneAndUpdate(
    { ...asked, _id: webhookId, active: true, held: null, 'breaker.state': { $nin: NOT_CLOSED } },
    [{ $set: placesFor(wanted, now, atOnceMax) }],
    { returnDocument: 'after' },
  );
  const webhook = await within(CLAIM_MS_MAX, taking);
  if (webhook === null) return null;
  const out = new Set(webhook.slots.map(({ token }) => token));
  const got = tokens.filter((token) => out.has(token));
  const pacedUntil = got.length < tokens.length ? pacedUntilOf(webhook) : null;
  return { webhook, tokens: got, ...(pacedUntil === null ? {} : { pacedUntil }) };
}

/** Places that are out and those that are given now, and the starts of the last second where a rate limit counts them. */
function placesFor(wanted: WebhookSlot[], now: Date, atOnceMax: number): Document {
  const live = { $filter: { input: '$slots', as: 'slot', cond: { $gt: ['$$slot.until', now] } } };
  const second = new Date(now.getTime() - PACE_MS);
  const recent = { $filter: { input: { $ifNull: ['$starts', []] }, as: 'start', cond: { $gt: ['$$start', second] } } };
  // What is null, as the ramp and the rate limit mostly are, is no limit: `$min` passes over it.
  const atOnce = { $subtract: [{ $min: ['$breaker.ramp', atOnceMax] }, { $size: '$$live' }] };
  const paced = { $subtract: ['$rateLimit', { $size: '$$recent' }] };
  const given = { $cond: [{ $gt: ['$$room', 0] }, { $slice: [wanted, { $max: ['$$room', 1] }] }, []] };
  const withPlaces = (result: Document) => ({
    $let: { vars: { live, recent }, in: { $let: { vars: { room: { $min: [atOnce, paced] } }, in: result } } },
  });
  const counted = withPlaces({ $concatArrays: ['$$recent', { $map: { input: given, in: now } }] });
  return {
    slots: withPlaces({ $concatArrays: ['$$live', given] }),
    starts: { $cond: [{ $gt: ['$rateLimit', 0] }, counted, '$$REMOVE'] },
  };
}

/** When the earliest of the starts that fill a rate limit lies a second back; null when they do not fill it. */
function pacedUntilOf({ rateLimit, starts = [] }: Webhook): Date | null {
  if (rateLimit === undefined || starts.length < rateLimit) return null;
  return new Date(Math.min(...starts.map((start) => start.getTime())) + PACE_MS);
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
 * @param wanted as of `takeSlots`
 * @returns null when somebody else was faster, or no attempt may start
 */
export async function takeProbe(
  database: Database,
  { seen, token, now, wanted = {} }: { seen: Webhook; token: string; now: Date; wanted?: Filter<Webhook> },
): Promise<Slots | null> {
  const { _id, breaker } = seen;
  const slot = { token, until: new Date(Date.now() + ATTEMPT_LEASE_MS) };
  const expected =
    breaker.state === 'open'
      ? { 'breaker.state': 'open' as const, 'breaker.openUntil': { $lte: now } }
      : { 'breaker.state': 'half_open' as const, 'breaker.probe': breaker.probe };
  const taking = database.webhooks.findOneAndUpdate(
    { ...wanted, _id, active: true, held: null, ...expected },
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
