import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { getWebhookDelivery, listWebhookDeliveries, redeliverWebhook } from '../../../contract/endpoints-webhook-log';
import { AppError } from '../../../contract/errors';
import { deliveriesQuerySchema, REDELIVERY_WAIT_MS, redeliverSchema } from '../../../contract/webhook-log';
import { presentDelivery, presentDeliveryDetail, type DeliveryFacts } from '../../../presenters/webhook-delivery';
import type { Webhook } from '../../../store/schema/collections/webhooks';
import type { Database } from '../../../store/schema/database';
import { findBehind } from '../../../store/webhooks/attempts/in-order';
import { redeliver as redeliverInStore, type Redelivered } from '../../../store/webhooks/attempts/redeliveries';
import {
  findDelivery,
  listDeliveries,
  lookAtDelivery,
  type ListedDelivery,
} from '../../../store/webhooks/log/delivery-log';
import { findWebhook } from '../../../store/webhooks/webhooks';
import { logCursorOf, parseLogCursor } from '../../http/cursors';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { byAgent, type WebhookCall } from '../../http/webhook-call';

export interface WebhookLogDeps {
  database: Database;
}

/** How often a redelivery that is waited for is looked at; the attempt itself takes longer. */
const LOOK_EVERY_MS = 200;

/** What was sent to an endpoint, and sending it again: webhooks.md §11.1, §11.2. */
export function webhookLogRoutes(deps: WebhookLogDeps): Route[] {
  return [
    agentRoute(listWebhookDeliveries, (ctx) => showDeliveries(ctx, deps)),
    agentRoute(getWebhookDelivery, (ctx) => showDelivery(ctx, deps)),
    agentRoute(redeliverWebhook, (ctx) => redeliver(byAgent(ctx), deps)),
  ];
}

/** A page of deliveries, for the agent and for its owner. @throws AppError NOT_FOUND, VALIDATION_ERROR */
export async function showDeliveries(ctx: AgentContext, { database }: WebhookLogDeps): Promise<Reply> {
  const webhook = await getWebhook(ctx, database);
  const { cursor, ...query } = ctx.validate(deliveriesQuerySchema, Object.fromEntries(ctx.query));
  const before = cursor === undefined || cursor === '' ? undefined : parseLogCursor(cursor);
  const limit = query.limit + 1;
  const rows = await listDeliveries(database, webhook._id, { ...query, before, limit, now: ctx.now });
  const page = rows.slice(0, query.limit);
  const last = rows.length > page.length ? page.at(-1) : undefined;
  const next_cursor = last === undefined ? null : logCursorOf({ at: last.createdAt, order: last.order, id: last._id });
  const facts = await factsOf(ctx, database, webhook, page);
  return { status: 200, body: { deliveries: page.map((row) => presentDelivery(row, facts)), next_cursor } };
}

/** One of them. @throws AppError NOT_FOUND */
export async function showDelivery(ctx: AgentContext, { database }: WebhookLogDeps): Promise<Reply> {
  const webhook = await getWebhook(ctx, database);
  const of = { webhookId: webhook._id, id: ctx.params['delivery_id'] ?? '', now: ctx.now };
  const delivery = await findDelivery(database, of);
  if (delivery === null) throw noDelivery();
  return { status: 200, body: presentDeliveryDetail(delivery, await factsOf(ctx, database, webhook, [delivery])) };
}

/** Sends one again. @throws AppError NOT_FOUND, FORBIDDEN (409), WEBHOOK_DELIVERY_FAILED; as `withTransactionBy` */
export async function redeliver(ctx: WebhookCall, { database }: WebhookLogDeps): Promise<Reply> {
  const isEmpty = (await ctx.readText()) === '';
  const { wait } = ctx.validate(redeliverSchema, isEmpty ? {} : await ctx.readBody());
  const { delivery, webhook } = accepted(
    await redeliverInStore(database, {
      agentId: ctx.agent._id,
      webhookId: ctx.params['id'] ?? '',
      deliveryId: ctx.params['delivery_id'] ?? '',
      token: randomUUID(),
      caller: ctx.caller,
      now: ctx.now,
    }),
  );
  const facts = await factsOf(ctx, database, webhook, [delivery]);
  const view = presentDelivery(delivery, facts);
  // Of one that is held nobody knows when it will be attempted.
  const attempted = wait === true && view.held === null ? await untilAttempted(ctx, database, delivery._id) : null;
  if (attempted === null) return { status: 202, body: view };
  if (attempted.status !== 'delivered') throw failed(attempted);
  return { status: 202, body: presentDelivery(attempted, facts) };
}

async function factsOf(
  ctx: AgentContext,
  database: Database,
  webhook: Webhook,
  deliveries: ListedDelivery[],
): Promise<DeliveryFacts> {
  return { webhook, behind: await findBehind(database, webhook, deliveries), now: ctx.now };
}

/** @throws AppError as the contract says: what is foreign is unknown, what cannot be now is 409 */
function accepted(result: Redelivered): Extract<Redelivered, { kind: 'redelivered' }> {
  switch (result.kind) {
    case 'redelivered':
      return result;
    case 'no_webhook':
      throw noWebhook();
    case 'unknown':
      throw noDelivery();
    case 'inactive':
      throw conflict('This webhook is inactive');
    case 'unfinished':
      throw conflict('This delivery is still under way');
    case 'replayed_before':
      throw conflict('This delivery was sent again already');
  }
}

/**
 * The delivery after its first attempt; null when there was none in time, or the caller is gone: it
 * goes on either way.
 */
async function untilAttempted(ctx: AgentContext, database: Database, id: string): Promise<ListedDelivery | null> {
  const gone = ctx.whenGone();
  const endMs = performance.now() + REDELIVERY_WAIT_MS;
  while (!gone.aborted && performance.now() < endMs) {
    const delivery = await lookAtDelivery(database, id);
    if (delivery === null) return null;
    if (delivery.status !== 'pending' && delivery.status !== 'delivering') return delivery;
    await sleep(LOOK_EVERY_MS, undefined, { signal: gone }).catch(() => undefined);
  }
  return null;
}

/** What the caller needs to look the attempt up. */
function failed({ _id, status, lastStatus, lastError }: ListedDelivery): AppError {
  const details = { delivery_id: _id, status, last_status: lastStatus, last_error: lastError };
  return new AppError('WEBHOOK_DELIVERY_FAILED', details);
}

async function getWebhook(ctx: AgentContext, database: Database): Promise<Webhook> {
  const webhook = await findWebhook(database, ctx.agent._id, ctx.params['id'] ?? '');
  if (webhook === null) throw noWebhook();
  return webhook;
}

const noWebhook = (): AppError => new AppError('NOT_FOUND', undefined, undefined, 'Webhook not found');
const noDelivery = (): AppError => new AppError('NOT_FOUND', undefined, undefined, 'Delivery not found');
const conflict = (message: string): AppError => new AppError('FORBIDDEN', undefined, undefined, message, 409);
