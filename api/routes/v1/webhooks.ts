import { randomBytes } from 'node:crypto';
import {
  createWebhook as createWebhookEndpoint,
  deleteWebhook as deleteWebhookEndpoint,
  getWebhook,
  listWebhooks as listWebhooksEndpoint,
} from '../../../contract/endpoints-webhooks';
import { AppError } from '../../../contract/errors';
import { isSystemEvent, WEBHOOK_EVENTS } from '../../../contract/events';
import { createWebhookSchema } from '../../../contract/webhooks';
import type { WebhookUrlRules } from '../../../domain/webhook-url';
import { newId } from '../../../platform/ids';
import type { Database } from '../../../store/schema/database';
import { createWebhook, deleteWebhook } from '../../../store/webhooks/set-webhook';
import type { WebhookSecrets } from '../../../store/webhooks/webhook-secrets';
import { findWebhook, listWebhooks } from '../../../store/webhooks/webhooks';
import { presentWebhook } from '../../../presenters/webhook';
import { requireReachable } from '../../http/reachable-url';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface WebhookDeps {
  database: Database;
  secrets: WebhookSecrets;
  urlRules: WebhookUrlRules;
}

const OK: Reply = { status: 200, body: { ok: true } };

/** Endpoints that agents register for events: webhooks.md §2. */
export function webhookRoutes(deps: WebhookDeps): Route[] {
  return [
    agentRoute(createWebhookEndpoint, (ctx) => create(ctx, deps)),
    agentRoute(listWebhooksEndpoint, (ctx) => list(ctx, deps)),
    agentRoute(getWebhook, (ctx) => show(ctx, deps)),
    agentRoute(deleteWebhookEndpoint, (ctx) => remove(ctx, deps)),
  ];
}

async function create(ctx: AgentContext, { database, secrets, urlRules }: WebhookDeps): Promise<Reply> {
  const { url, events, legacy_signature, ...body } = ctx.validate(createWebhookSchema, await ctx.readBody());
  if (!ctx.agent.isSystem && events.some(isSystemEvent)) throw eventsFault();
  await requireReachable('url', url, urlRules);
  const id = newId('webhook');
  const secret = body.secret ?? randomBytes(32).toString('hex');
  const webhook = await createWebhook(database, {
    id,
    agentId: ctx.agent._id,
    url,
    events,
    secret: secrets.seal(id, secret),
    legacySignature: legacy_signature,
    at: ctx.now,
    caller: ctx.agent,
  });
  return { status: 201, body: { ...presentWebhook(webhook), secret } };
}

/** The same fault as for a name that no event has. */
function eventsFault(): AppError {
  const expected = WEBHOOK_EVENTS.map((name) => `"${name}"`).join('|');
  const fault = `Invalid option: expected one of ${expected}`;
  return new AppError('VALIDATION_ERROR', { formErrors: [], fieldErrors: { events: [fault] } });
}

async function list(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const webhooks = await listWebhooks(database, ctx.agent._id);
  return { status: 200, body: { webhooks: webhooks.map(presentWebhook) } };
}

async function show(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const webhook = await findWebhook(database, ctx.agent._id, ctx.params.id ?? '');
  if (webhook === null) throw notFound();
  return { status: 200, body: presentWebhook(webhook) };
}

async function remove(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const webhook = { agentId: ctx.agent._id, id: ctx.params.id ?? '', at: ctx.now, caller: ctx.agent };
  if (!(await deleteWebhook(database, webhook))) throw notFound();
  return OK;
}

function notFound(): AppError {
  return new AppError('NOT_FOUND', undefined, undefined, 'Webhook not found');
}
