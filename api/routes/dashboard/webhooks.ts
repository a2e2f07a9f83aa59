import type { Endpoint } from '../../../contract/endpoint';
import {
  recoverForAgent,
  redeliverForAgent,
  rotateSecretForAgent,
  switchWebhook,
  testWebhookForAgent,
  watchDeliveries,
  watchDelivery,
  watchWebhooks,
} from '../../../contract/endpoints-owner-webhooks';
import { ownerRotateSecretSchema, switchWebhookSchema, type OwnerWebhookView } from '../../../contract/owner-webhooks';
import type { Logger } from '../../../platform/logger';
import { presentOwnerWebhook } from '../../../presenters/owner-webhook';
import { publishToOwnersOf } from '../../../store/nodes/publish-to-owners';
import type { Webhook } from '../../../store/schema/collections/webhooks';
import { readBacklog } from '../../../store/webhooks/log/backlog';
import { updateWebhook } from '../../../store/webhooks/update-webhook';
import { listWebhooks } from '../../../store/webhooks/webhooks';
import { ownerRoute, type OwnerContext, type Reply, type Route } from '../../http/route';
import type { WebhookCall } from '../../http/webhook-call';
import { webhookNotFound } from '../../http/webhook-faults';
import { redeliver, showDeliveries, showDelivery } from '../v1/webhook-log';
import { recover } from '../v1/webhook-recovery';
import { rotateTo } from '../v1/webhook-settings';
import { testEndpoint } from '../v1/webhook-tests';
import type { WebhookDeps } from '../v1/webhooks';
import { ownAgent } from './agents';

export interface OwnerWebhookDeps extends WebhookDeps {
  log: Logger;
}

type Handler = (call: WebhookCall, deps: OwnerWebhookDeps) => Promise<Reply>;

/**
 * Owners and the webhooks of their agents: webhooks.md §12. They watch and repair what the agent has set up; making,
 * changing and removing webhooks is the agent's. The calls are those of the agent itself (`routes/v1/webhook-*.ts`), with
 * the claim in the place of the key: each write proves it in its commit, and names the owner in its event.
 */
export function ownerWebhookRoutes(deps: OwnerWebhookDeps): Route[] {
  const ofAgent = (endpoint: Endpoint, handle: Handler): Route =>
    ownerRoute(endpoint, async (ctx) => handle(await callOf(ctx, deps), deps));
  return [
    ofAgent(watchWebhooks, list),
    ofAgent(switchWebhook, told(switchOne)),
    ofAgent(rotateSecretForAgent, told(rotate)),
    ofAgent(testWebhookForAgent, told(testEndpoint)),
    ofAgent(watchDeliveries, showDeliveries),
    ofAgent(watchDelivery, showDelivery),
    ofAgent(redeliverForAgent, told(redeliver)),
    ofAgent(recoverForAgent, told(recover)),
  ];
}

/** @throws AppError AGENT_NOT_FOUND before anything of the request is looked at */
async function callOf(ctx: OwnerContext, { database }: OwnerWebhookDeps): Promise<WebhookCall> {
  const agent = await ownAgent(database, ctx);
  return { ...ctx, agent, caller: { ownerId: ctx.owner.id, agentId: agent._id } };
}

/** The owner's open pages read again what this changed. A hint: the answer does not wait for it. */
const told =
  (handle: Handler): Handler =>
  async (call, deps) => {
    const reply = await handle(call, deps);
    void publishToOwnersOf(deps, [{ agentId: call.agent._id, scopes: ['events'] }]);
    return reply;
  };

const list: Handler = async ({ agent, now }, deps) => {
  const webhooks = await listWebhooks(deps.database, agent._id);
  // Five at most.
  const shown = await Promise.all(webhooks.map((webhook) => show(webhook, now, deps)));
  return { status: 200, body: { webhooks: shown } };
};

const switchOne: Handler = async (call, deps) => {
  const changes = call.validate(switchWebhookSchema, await call.readBody());
  const { agent, caller, now: at } = call;
  const update = { agentId: agent._id, id: call.params.id ?? '', changes, at, caller };
  const webhook = await updateWebhook(deps.database, update);
  if (webhook === null) throw webhookNotFound();
  return { status: 200, body: await show(webhook, at, deps) };
};

const rotate: Handler = async (call, deps) => {
  const isEmpty = (await call.readText()) === '';
  return rotateTo(call, call.validate(ownerRotateSecretSchema, isEmpty ? {} : await call.readBody()), deps);
};

async function show(
  webhook: Webhook,
  now: Date,
  { database, secrets }: Pick<OwnerWebhookDeps, 'database' | 'secrets'>,
): Promise<OwnerWebhookView> {
  const backlog = await readBacklog(database, webhook._id);
  return presentOwnerWebhook(webhook, { secretHint: secrets.hintOf(webhook), backlog, now });
}
