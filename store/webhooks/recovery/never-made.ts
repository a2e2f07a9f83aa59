import type { InboxInGuard } from '../../../domain/guards';
import { notWrittenOff } from '../../inbox/written-off';
import { envelopeId, type Envelope } from '../../schema/collections/messages';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { SAFE_READ } from '../../schema/reads';
import { eventIdOf, messageEventKey, webhookDeliveryId } from '../../schema/webhook-ids';

/**
 * Messages of which a webhook has no delivery: they came before it was there, while it was inactive, or before it listed
 * them. The inbox is the record of them; a delivery's id is a function of message and webhook, so whether it was made is
 * one look at an id.
 */

/** A part of an inbox: positions behind the first, up to the second. */
export interface InboxRange {
  after: number;
  upTo: number;
}

/** An envelope that was looked at. */
export interface Looked {
  envelope: Envelope;
  isMissing: boolean;
}

/** Clocks of the apis may differ: the times of an inbox are in its order but for this much. */
const SKEW_MS = 60_000;

/** The part of an inbox that holds everything of this time. */
export async function rangeOf(
  database: Database,
  agentId: string,
  { nextPosition }: Pick<InboxInGuard, 'nextPosition'>,
  { since, until }: { since: Date; until: Date },
): Promise<InboxRange> {
  const head = nextPosition - 1;
  const before = (time: Date, ms: number) => lastBefore(database, agentId, { at: new Date(time.getTime() + ms), head });
  return { after: await before(since, -SKEW_MS), upTo: await before(until, SKEW_MS) };
}

/** The position of the last envelope before `at`; 0 when there is none. Reads as often as the inbox's length has bits. */
async function lastBefore(
  database: Database,
  agentId: string,
  { at, head }: { at: Date; head: number },
): Promise<number> {
  let low = 0;
  let high = head + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    // What was removed leaves gaps: the next one stands for them.
    const next = await database.envelopes.findOne(
      { _id: { $gte: envelopeId(agentId, middle), $lt: envelopeId(agentId, high) } },
      { ...SAFE_READ, projection: { position: 1, createdAt: 1 }, sort: { _id: 1 } },
    );
    if (next === null || next.createdAt >= at) high = middle;
    else low = next.position;
  }
  return low;
}

/**
 * The next envelopes of an inbox that are the webhook's business, each with whether the webhook has no delivery of it.
 * Not those that the agent muted or hid, or lost with a group.
 */
export async function lookForMissing(
  database: Database,
  { _id: webhookId, agentId }: Pick<Webhook, '_id' | 'agentId'>,
  {
    range,
    time,
    writtenOff,
    limit,
  }: { range: InboxRange; time: { since: Date; until: Date }; limit: number } & Pick<InboxInGuard, 'writtenOff'>,
): Promise<Looked[]> {
  const envelopes = await database.envelopes
    .find(
      {
        _id: { $gt: envelopeId(agentId, range.after), $lte: envelopeId(agentId, range.upTo) },
        createdAt: { $gte: time.since, $lt: time.until },
        status: { $ne: 'expired' },
        unread: { $ne: 'hidden' },
        muted: { $exists: false },
        writtenOff: { $exists: false },
        isHeard: { $exists: false },
        ...notWrittenOff(writtenOff),
      },
      { ...SAFE_READ, sort: { _id: 1 }, limit, hint: '_id_' },
    )
    .toArray();
  const idOf = ({ messageId }: Envelope) =>
    webhookDeliveryId(eventIdOf(messageEventKey(messageId, agentId)), webhookId);
  const ids = envelopes.map(idOf);
  const made = await database.deliveries
    .find({ _id: { $in: ids } }, { ...SAFE_READ, projection: { _id: 1 }, limit: Math.max(1, ids.length) })
    .toArray();
  const known = new Set(made.map(({ _id }) => _id));
  return envelopes.map((envelope) => ({ envelope, isMissing: !known.has(idOf(envelope)) }));
}
