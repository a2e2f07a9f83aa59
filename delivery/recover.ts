import { presentRow } from '../presenters/message';
import { asksForMentions } from '../domain/webhook-filter';
import { findInboxIn, loadRows } from '../store/inbox/inbox';
import type { InboxInGuard } from '../domain/guards';
import { deliveryOrder, type Delivery } from '../store/schema/collections/deliveries';
import type { Envelope } from '../store/schema/collections/messages';
import type { Webhook } from '../store/schema/collections/webhooks';
import { replayIdOf, replayOf } from '../store/webhooks/attempts/replay';
import { countWaiting } from '../store/webhooks/attempts/waiting';
import { readOwed } from '../store/webhooks/recovery/owed';
import { readHappenings, startOf, type HappeningsCursor } from '../store/webhooks/recovery/read-happenings';
import { saveRecovered, type Recovered } from '../store/webhooks/recovery/save-recovered';
import { knownSince, type RecoveryScope } from '../store/webhooks/recovery/scope';
import { loadWebhook } from '../store/webhooks/webhooks';
import { messageNews } from './describe-intent';
import type { ExpandDeps } from './expand-intents';
import { newDeliveries } from './new-deliveries';

/** First attempts that wait at an endpoint while it recovers: enough for its ten at once, and new events get through. */
const WAITING_MAX = 100;
/** Deliveries of one step. */
const PAGE = 50;
/** Bodies of one commit. */
const COMMIT_LENGTH_MAX = 4_000_000;

export interface RecoveryInput {
  webhookId: string;
  scope: RecoveryScope;
  /** Null: from the beginning. */
  cursor: HappeningsCursor | null;
  now: Date;
}

/** What one step did. `waiting`: the endpoint has enough to do as it is. */
export interface RecoveryStep {
  stage: 'recovering' | 'waiting' | 'done' | 'inactive' | 'deleted';
  made: number;
  cursor: HappeningsCursor | null;
}

/**
 * Makes the next deliveries of a recovery, oldest first, no faster than the endpoint takes them. May run twice, beside
 * another one, and die in between: `saveRecovered` says why nothing is sent by two of them.
 */
export async function recoverStep(deps: ExpandDeps, input: RecoveryInput): Promise<RecoveryStep> {
  const { database } = deps;
  const webhook = await loadWebhook(database, input.webhookId);
  if (webhook === null) return { stage: 'deleted', made: 0, cursor: input.cursor };
  if (!webhook.active) return { stage: 'inactive', made: 0, cursor: input.cursor };
  const { pending } = await countWaiting(database, webhook._id);
  if (pending >= WAITING_MAX) return { stage: 'waiting', made: 0, cursor: input.cursor };
  return makeNext(deps, webhook, input, Math.min(PAGE, WAITING_MAX - pending));
}

async function makeNext(
  deps: ExpandDeps,
  webhook: Webhook,
  { scope, cursor, now }: RecoveryInput,
  wantedMax: number,
): Promise<RecoveryStep> {
  const { database } = deps;
  const isOfMessages = scope.status === null && webhook.events.includes('message.new');
  const inbox = isOfMessages ? await findInboxIn(database, webhook.agentId) : null;
  const time = { since: knownSince(scope.since, now), until: scope.until };
  const page = await readHappenings(database, webhook, {
    cursor: cursor ?? (await startOf(database, webhook.agentId, inbox, time)),
    time,
    inbox,
    wantedMax,
    readLog: (after, limit) => readOwed(database, webhook._id, { scope, after, limit, now }),
  });
  const replays = page.found.flatMap((one) => (one.kind === 'log' ? recovered(one.delivery, now) : []));
  const envelopes = page.found.flatMap((one) => (one.kind === 'inbox' ? one.envelope : []));
  const made = inbox === null ? [] : await neverMade(deps, webhook, { inbox, envelopes, now });
  let count = 0;
  for (const part of partsOf(replays, made)) {
    count += (await saveRecovered(database, webhook._id, { ...part, now })).length;
  }
  return { stage: page.isMore ? 'recovering' : 'done', made: count, cursor: page.cursor };
}

/** In its old place, so that what waits goes out in the order of the events. */
function recovered(original: Delivery, now: Date): Recovered {
  return { original, delivery: replayOf(original, replayIdOf(original), { order: original.order, now }) };
}

/** Deliveries of messages that had none, as an expansion of their intents would have made them; its filter decides, too. */
async function neverMade(
  { database, agents }: ExpandDeps,
  webhook: Webhook,
  { inbox, envelopes, now }: { inbox: InboxInGuard; envelopes: Envelope[]; now: Date },
): Promise<Delivery[]> {
  const { agentId } = webhook;
  const rows = await loadRows(database, agents, { _id: agentId, inboxSalt: inbox.salt }, envelopes);
  const handle = asksForMentions(webhook) ? (await agents.loadCards([agentId])).get(agentId)?.handle : undefined;
  return rows.flatMap((row) => {
    const { position, message, sender } = row;
    const news = messageNews({ targetId: agentId, handle, position, message, sender, json: presentRow(row) });
    const order = deliveryOrder(position, message.createdAt);
    return newDeliveries(news, { webhooks: [webhook], order, now });
  });
}

/** Cut where the bodies of one commit would get too long. */
function partsOf(replays: Recovered[], made: Delivery[]): { replays: Recovered[]; made: Delivery[] }[] {
  const parts: { replays: Recovered[]; made: Delivery[] }[] = [];
  let length = Number.POSITIVE_INFINITY;
  const partFor = ({ body }: Delivery) => {
    if (length + body.length > COMMIT_LENGTH_MAX) {
      parts.push({ replays: [], made: [] });
      length = 0;
    }
    length += body.length;
    return parts.at(-1);
  };
  for (const replay of replays) partFor(replay.delivery)?.replays.push(replay);
  for (const delivery of made) partFor(delivery)?.made.push(delivery);
  return parts;
}
