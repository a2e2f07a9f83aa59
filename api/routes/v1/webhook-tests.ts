import { testWebhook } from '../../../contract/endpoints-webhook-settings';
import { isSystemEvent, PING_EVENT } from '../../../contract/events';
import { testWebhookSchema, type WebhookTestView } from '../../../contract/webhook-settings';
import { noteOwnerTest } from '../../../store/webhooks/webhook-tests';
import { findWebhook } from '../../../store/webhooks/webhooks';
import { tryWebhook, type TryDeps } from '../../commands/try-webhook';
import { agentRoute, type Reply, type Route } from '../../http/route';
import { byAgent, type WebhookCall } from '../../http/webhook-call';
import { requireAllowed, webhookNotFound } from '../../http/webhook-faults';

/** Tests of endpoints: webhooks.md §11.4. */
export function webhookTestRoutes(deps: TryDeps): Route[] {
  return [agentRoute(testWebhook, (ctx) => testEndpoint(byAgent(ctx), deps))];
}

/**
 * An endpoint that fails is an answer, not an error. Also of a webhook that is inactive, before it is switched on again.
 * For the agent and for its owner.
 * @throws AppError NOT_FOUND, VALIDATION_ERROR, SERVICE_UNAVAILABLE; of an owner AGENT_NOT_FOUND
 */
export async function testEndpoint(ctx: WebhookCall, deps: TryDeps): Promise<Reply> {
  const isEmpty = (await ctx.readText()) === '';
  const { event } = ctx.validate(testWebhookSchema, isEmpty ? {} : await ctx.readBody());
  if (event !== PING_EVENT && isSystemEvent(event)) requireAllowed(ctx.agent, [event], 'event');
  const endpoint = await findWebhook(deps.database, ctx.agent._id, ctx.params.id ?? '');
  if (endpoint === null) throw webhookNotFound();
  const { agent, caller, now: at } = ctx;
  if ('ownerId' in caller) await noteOwnerTest(deps.database, { caller, webhookId: endpoint._id, event, at });
  const { handle } = agent;
  const { delivered, status, durationMs, error } = await tryWebhook(deps, { endpoint, event, handle, at });
  const view: WebhookTestView = { delivered, status, duration_ms: durationMs, error };
  return { status: 200, body: view };
}
