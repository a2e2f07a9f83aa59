import { randomBytes } from 'node:crypto';
import {
  createWebhook as createWebhookEndpoint,
  deleteWebhook as deleteWebhookEndpoint,
  getWebhook,
  listWebhooks as listWebhooksEndpoint,
} from '../../../contract/endpoints-webhooks';
import { PING_EVENT } from '../../../contract/events';
import { WEBHOOKS_MAX } from '../../../contract/webhook-limits';
import { createWebhookSchema } from '../../../contract/webhooks';
import type { WebhookUrlRules } from '../../../domain/webhook-url';
import { newId } from '../../../platform/ids';
import { createWebhook, deleteWebhook, limitReached } from '../../../store/webhooks/set-webhook';
import type { WebhookSecrets } from '../../../store/webhooks/webhook-secrets';
import type { TestedEndpoint } from '../../../store/webhooks/webhook-tests';
import { findWebhook, listWebhooks } from '../../../store/webhooks/webhooks';
import { presentWebhook } from '../../../presenters/webhook';
import { tryWebhook, type TryDeps } from '../../commands/try-webhook';
import { fieldFault } from '../../http/field-fault';
import { requireReachable } from '../../http/reachable-url';
import { requireAllowed, webhookNotFound } from '../../http/webhook-faults';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface WebhookDeps extends TryDeps {
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

async function create(ctx: AgentContext, deps: WebhookDeps): Promise<Reply> {
  const { database, secrets, urlRules } = deps;
  const body = ctx.validate(createWebhookSchema, await ctx.readBody());
  const { url, events, verify } = body;
  requireAllowed(ctx.agent, events);
  await requireReachable('url', url, urlRules);
  const id = newId('webhook');
  const secret = body.secret ?? randomBytes(32).toString('hex');
  const fresh = {
    url,
    secret: secrets.seal(id, secret),
    legacySignature: body.legacy_signature,
    ...(body.ed25519_signature ? { keyPair: secrets.newKeyPair(id) } : {}),
  };
  if (verify) await requireAnswer(ctx, deps, { _id: id, ...fresh });
  const mode = {
    ...(body.ordering === 'conversation' ? { ordering: body.ordering } : {}),
    ...(body.batching ? { batching: true as const } : {}),
  };
  const own = { id, agentId: ctx.agent._id, caller: ctx.agent };
  const webhook = await createWebhook(database, { ...own, events, ...fresh, mode, at: ctx.now });
  return { status: 201, body: { ...presentWebhook(webhook, secrets.hintOf(webhook), ctx.now), secret } };
}

/**
 * An endpoint that takes a `ping` (webhooks.md §11.4). Before it the limit is looked at, so that nobody is asked in vain;
 * what decides about the limit is the creation.
 * @throws AppError VALIDATION_ERROR with what came instead of a 2xx, LIMIT_REACHED, SERVICE_UNAVAILABLE
 */
async function requireAnswer(ctx: AgentContext, deps: WebhookDeps, endpoint: TestedEndpoint): Promise<void> {
  const { _id: agentId, handle } = ctx.agent;
  if ((await listWebhooks(deps.database, agentId)).length >= WEBHOOKS_MAX) throw limitReached();
  const { delivered, error } = await tryWebhook(deps, { endpoint, event: PING_EVENT, handle, at: ctx.now });
  if (!delivered) throw fieldFault('url', `The endpoint did not accept a ping: ${error ?? 'no answer'}`);
}

async function list(ctx: AgentContext, { database, secrets }: WebhookDeps): Promise<Reply> {
  const webhooks = await listWebhooks(database, ctx.agent._id);
  return {
    status: 200,
    body: { webhooks: webhooks.map((webhook) => presentWebhook(webhook, secrets.hintOf(webhook), ctx.now)) },
  };
}

async function show(ctx: AgentContext, { database, secrets }: WebhookDeps): Promise<Reply> {
  const webhook = await findWebhook(database, ctx.agent._id, ctx.params.id ?? '');
  if (webhook === null) throw webhookNotFound();
  return { status: 200, body: presentWebhook(webhook, secrets.hintOf(webhook), ctx.now) };
}

async function remove(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const webhook = { agentId: ctx.agent._id, id: ctx.params.id ?? '', at: ctx.now, caller: ctx.agent };
  if (!(await deleteWebhook(database, webhook))) throw webhookNotFound();
  return OK;
}
