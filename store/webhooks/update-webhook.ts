import type { ClientSession, Collection, UpdateFilter } from 'mongodb';
import { AppError } from '../../contract/errors';
import type { WebhookEvent } from '../../contract/events';
import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { switchedOff, switchedOn, type InboxMoment } from '../../domain/webhook-activity';
import type { WebhookFilter } from '../../domain/webhook-filter';
import { callerActor, recordAudit } from '../schema/audit';
import { CLOSED_BREAKER, type SealedKeyPair, type Webhook } from '../schema/collections/webhooks';
import type { Database } from '../schema/database';
import { withTransactionOnBy, type Caller, type OwnerCaller } from '../schema/prove-caller';
import { noteReleased } from './attempts/retry-requests';

/** What is to change; absent = stays. Null takes a description, a filter, a rate limit or the key pair away. */
export interface WebhookChanges {
  url?: string | undefined;
  events?: WebhookEvent[] | undefined;
  active?: boolean | undefined;
  description?: string | null | undefined;
  filter?: WebhookFilter | null | undefined;
  rateLimit?: number | null | undefined;
  ordering?: 'none' | 'conversation' | undefined;
  batching?: boolean | undefined;
  /** Null takes the ed25519 pairs away; a pair is taken only where there is none. */
  keyPair?: SealedKeyPair | null | undefined;
}

export interface WebhookUpdate {
  agentId: string;
  id: string;
  changes: WebhookChanges;
  at: Date;
  /** The agent with the key of its call, or the owner with its claim, which the commit proves; absent = it is no call. */
  caller?: Caller | OwnerCaller;
}

/**
 * Changes a webhook (webhooks.md §11.4). Each attempt starts with a conditional update of the same document, so it is
 * before this commit or sees all of it. Fields that are not named stay: of two changes at once both are in force.
 *
 * `ordering` and `batching` decide about what starts from then on: a place on the wire is given only to what was chosen by
 * them (`leaseFirst`). What an order held back is found by the sweep when it ends; what went out in a batch is repeated
 * with it.
 *
 * Switched off or on, the inbox's guard moves on in the same commit: every event of the agent is committed before or
 * behind it, and only those before the one and behind the other are told (`domain/webhook-activity.ts`). Off: no attempt
 * starts, what waits is kept. On: the circuit is closed, first attempts are found by the sweep, and failed ones by the
 * outbox row that is part of this commit. A crash leaves all of it or nothing.
 * @returns as it is then; null when the agent has no such webhook
 * @throws AppError UNAUTHORIZED, SUSPENDED when the caller's key or account ended; AGENT_NOT_FOUND when the claim did
 */
export async function updateWebhook(
  database: Database,
  { agentId, id, changes, at, caller }: WebhookUpdate,
): Promise<Webhook | null> {
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const before = await database.webhooks.findOneAndUpdate({ _id: id, agentId }, updateOf(agentId, changes), {
      returnDocument: 'before',
      session,
    });
    if (before === null) return null;
    if (changes.active !== undefined && changes.active !== before.active) {
      await switchTo(database, before, { active: changes.active, at }, session);
    }
    if (changes.keyPair !== undefined && changes.keyPair !== null && before.keyPair === undefined) {
      await database.webhooks.updateOne({ _id: id }, { $set: { keyPair: changes.keyPair } }, { session });
    }
    const fields = Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (fields.length > 0) await record(database, { agentId, webhookId: id, fields, at, caller }, session);
    return database.webhooks.findOne({ _id: id }, { session });
  });
}

/** Everything but the switch. It always sets something: an update without any field is none. */
function updateOf(
  agentId: string,
  { url, events, description, filter, rateLimit, ordering, batching, keyPair }: WebhookChanges,
): UpdateFilter<Webhook> {
  const $set = {
    agentId,
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events }),
    ...(description === undefined || description === null ? {} : { description }),
    ...(filter === undefined || filter === null ? {} : { filter }),
    ...(rateLimit === undefined || rateLimit === null ? {} : { rateLimit }),
    ...(ordering === 'conversation' ? { ordering } : {}),
    ...(batching === true ? { batching: true as const } : {}),
  };
  const $unset = {
    ...(description === null ? { description: '' as const } : {}),
    ...(filter === null ? { filter: '' as const } : {}),
    ...(rateLimit === null ? { rateLimit: '' as const, starts: '' as const } : {}),
    ...(ordering === 'none' ? { ordering: '' as const } : {}),
    ...(batching === false ? { batching: '' as const } : {}),
    ...(keyPair === null ? { keyPair: '' as const, previousKeyPair: '' as const } : {}),
  };
  return Object.keys($unset).length === 0 ? { $set } : { $set, $unset };
}

async function switchTo(
  database: Database,
  before: Webhook,
  { active, at }: { active: boolean; at: Date },
  session: ClientSession,
): Promise<void> {
  const moment = await moveInbox(database, before.agentId, session);
  const change: Partial<Webhook> = active
    ? { active, disabledReason: null, breaker: CLOSED_BREAKER, ...switchedOn(before, moment) }
    : { active, disabledReason: 'manual', inactiveSpans: switchedOff(before, moment) };
  await database.webhooks.updateOne({ _id: before._id }, { $set: change }, { session });
  if (active) await noteReleased(database, [before._id], at, session);
}

/** A moment that no event of the agent commits at: each has an older `webhookVersion`, or this one or a newer one. */
async function moveInbox(database: Database, agentId: string, session: ClientSession): Promise<InboxMoment> {
  const inbox = await inboxes(database).findOneAndUpdate(
    { _id: inboxInId(agentId), status: { $ne: 'deleted' } },
    { $inc: { webhookVersion: 1, v: 1 } },
    { returnDocument: 'after', session },
  );
  if (inbox === null) throw new AppError('UNAUTHORIZED');
  return { version: inbox.webhookVersion ?? 0, position: inbox.nextPosition };
}

/** Never what the fields hold: URLs carry tokens of the receiver. */
function record(
  database: Database,
  {
    agentId,
    webhookId,
    fields,
    at,
    caller,
  }: Pick<WebhookUpdate, 'agentId' | 'at' | 'caller'> & { webhookId: string; fields: string[] },
  session: ClientSession,
): Promise<void> {
  const metadata = { webhook_id: webhookId, fields: fields.sort() };
  const actor = callerActor(agentId, caller);
  const event = { actor, action: 'webhook.updated' as const, targetId: agentId, metadata, at };
  return recordAudit(database, event, session);
}

/** A guard's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInGuard> =>
  database.guards as unknown as Collection<InboxInGuard>;
