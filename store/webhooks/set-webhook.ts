import type { ClientSession, Collection } from 'mongodb';
import type { WebhookEvent } from '../../contract/events';
import { AppError } from '../../contract/errors';
import { WEBHOOKS_MAX } from '../../contract/webhook-limits';
import { inboxInId, isSilenced, type InboxInGuard } from '../../domain/guards';
import { newOutboxId } from '../../platform/ids';
import { agentActor, recordAudit } from '../schema/audit';
import { CLOSED_BREAKER, type SealedKeyPair, type SealedSecret, type Webhook } from '../schema/collections/webhooks';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { removeUnsent } from './deliveries';

export interface NewWebhook {
  /** Fresh: what the secret was sealed for. */
  id: string;
  agentId: string;
  url: string;
  events: WebhookEvent[];
  secret: SealedSecret;
  legacySignature: boolean;
  /** How it wants to be sent to, from its first event on; absent = each event by itself, as it comes. */
  mode?: Pick<Webhook, 'ordering' | 'batching'>;
  /** Absent = none is wanted. */
  keyPair?: SealedKeyPair;
  at: Date;
  /** The agent with the key of its call, which the commit proves; absent = it is no call of an agent. */
  caller?: Caller;
}

/**
 * Registers a webhook. Row, the inbox's count and the event commit together. The count is the guard of the limit: any
 * number of creations at once write the same guard one after the other, so exactly as many succeed as there is room for.
 * Every send to the agent writes that guard too, so each one that commits after this has its intent. A crash leaves all
 * of it or nothing.
 * @throws AppError LIMIT_REACHED; UNAUTHORIZED, SUSPENDED when the caller's key or account ended
 */
export function createWebhook(database: Database, input: NewWebhook): Promise<Webhook> {
  const { id, agentId, url, events, secret, legacySignature, keyPair, mode, at, caller } = input;
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const inbox = await inboxes(database).findOneAndUpdate(
      { _id: inboxInId(agentId), webhooks: { $lt: WEBHOOKS_MAX }, status: { $ne: 'deleted' } },
      { $inc: { webhooks: 1, webhookVersion: 1, v: 1 } },
      { returnDocument: 'after', session },
    );
    if (inbox === null) throw await whyRefused(database, agentId, session);
    const webhook: Webhook = {
      _id: id,
      agentId,
      url,
      events,
      active: true,
      disabledReason: null,
      secret,
      legacySignature,
      ...mode,
      ...(keyPair === undefined ? {} : { keyPair }),
      createdAt: at,
      fromVersion: inbox.webhookVersion ?? 0,
      fromPosition: inbox.nextPosition,
      held: isSilenced(inbox) ? 'paused' : null,
      breaker: CLOSED_BREAKER,
      slots: [],
    };
    await database.webhooks.insertOne(webhook, { session });
    await record(database, 'webhook.created', webhook, at, session);
    return webhook;
  });
}

async function whyRefused(database: Database, agentId: string, session: ClientSession): Promise<AppError> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) }, { session });
  if (inbox === null || inbox.status === 'deleted') return new AppError('UNAUTHORIZED');
  return limitReached();
}

export function limitReached(): AppError {
  return new AppError('LIMIT_REACHED', undefined, undefined, `Maximum ${WEBHOOKS_MAX} webhooks per agent`);
}

/**
 * Removes a webhook, then what was not sent to it. Starting any attempt is one conditional update of the webhook's
 * document, so from this commit on none starts, whatever rows there still are; an attempt on the wire finds its delivery
 * gone when it ends, and changes nothing. Dead letters and what was delivered stay until they expire.
 *
 * Dies after the commit: the rows stay, nobody attempts them, and the outbox row has them removed. The same for the rows
 * of an intent that was being expanded at this moment: the relay takes the outbox row later than any such expansion can
 * last. Two at once: the second finds no webhook.
 * @returns false when the agent has no such webhook
 */
export async function deleteWebhook(
  database: Database,
  { agentId, id, at, caller }: { agentId: string; id: string; at: Date; caller?: Caller },
): Promise<boolean> {
  const isDeleted = await withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const webhook = await database.webhooks.findOneAndDelete({ _id: id, agentId }, { session });
    if (webhook === null) return false;
    await inboxes(database).updateOne({ _id: inboxInId(agentId) }, { $inc: { webhooks: -1, v: 1 } }, { session });
    await database.outbox.insertOne(
      { _id: newOutboxId(), kind: 'webhook.deleted', targetId: agentId, webhookId: id, createdAt: at },
      { session },
    );
    await record(database, 'webhook.deleted', webhook, at, session);
    return true;
  });
  if (isDeleted) await removeUnsent(database, id);
  return isDeleted;
}

/** Never the URL: it may carry a password of the receiver. */
function record(
  database: Database,
  action: 'webhook.created' | 'webhook.deleted',
  { _id, agentId, events }: Webhook,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const metadata = { webhook_id: _id, events };
  return recordAudit(database, { actor: agentActor(agentId), action, targetId: agentId, metadata, at }, session);
}

/** A guard's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInGuard> =>
  database.guards as unknown as Collection<InboxInGuard>;
