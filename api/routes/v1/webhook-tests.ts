import { testWebhook } from '../../../contract/endpoints-webhook-settings';
import { isSystemEvent, PING_EVENT } from '../../../contract/events';
import { testWebhookSchema, type WebhookTestView } from '../../../contract/webhook-settings';
import { findWebhook } from '../../../store/webhooks/webhooks';
import { tryWebhook, type TryDeps } from '../../commands/try-webhook';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { requireAllowed, webhookNotFound } from '../../http/webhook-faults';

/** Tests of endpoints: webhooks.md §11.4. */
export function webhookTestRoutes(deps: TryDeps): Route[] {
  return [agentRoute(testWebhook, (ctx) => test(ctx, deps))];
}

/** An endpoint that fails is an answer, not an error. Also of a webhook that is inactive, before it is switched on again. */
async function test(ctx: AgentContext, deps: TryDeps): Promise<Reply> {
  const isEmpty = (await ctx.readText()) === '';
  const { event } = ctx.validate(testWebhookSchema, isEmpty ? {} : await ctx.readBody());
  if (event !== PING_EVENT && isSystemEvent(event)) requireAllowed(ctx.agent, [event], 'event');
  const endpoint = await findWebhook(deps.database, ctx.agent._id, ctx.params.id ?? '');
  if (endpoint === null) throw webhookNotFound();
  const { handle } = ctx.agent;
  const { delivered, status, durationMs, error } = await tryWebhook(deps, { endpoint, event, handle, at: ctx.now });
  const view: WebhookTestView = { delivered, status, duration_ms: durationMs, error };
  return { status: 200, body: view };
}
