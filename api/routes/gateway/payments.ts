import { getPayments, listPayments, putPayments } from '../../../contract/endpoints-payments';
import { AppError } from '../../../contract/errors';
import { paymentsLogQuerySchema, putPaymentsSchema } from '../../../contract/payments';
import { presentPayment, presentPaymentSettings } from '../../../presenters/payments';
import { loadPaymentSettings, savePaymentSettings } from '../../../store/gateway/payment-settings';
import { listPayments as readPayments } from '../../../store/gateway/payments';
import type { Agent } from '../../../store/schema/collections/agents';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

/** Owners say what turns with their agents cost, and see who has paid: gateway.md §6.3. */
export function paymentRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(getPayments, async (ctx) => {
      const agent = await requireOwned(ctx, deps);
      const settings = await loadPaymentSettings(deps.database, { agentId: agent._id, ownerId: ctx.owner.id });
      return { status: 200, body: presentPaymentSettings(settings) };
    }),
    gatewayRoute(putPayments, (ctx) => put(ctx, deps)),
    gatewayRoute(listPayments, async (ctx) => {
      const { limit } = ctx.validate(paymentsLogQuerySchema, Object.fromEntries(ctx.query));
      const agent = await requireOwned(ctx, deps);
      const payments = await readPayments(deps.database, agent._id, limit);
      return { status: 200, json: JSON.stringify(payments.map(presentPayment)) };
    }),
  ];
}

/** Where money goes is said by the owner alone. @throws AppError FORBIDDEN for keys, AGENT_NOT_FOUND for agents of others */
async function requireOwned(ctx: GatewayContext, deps: GatewayDeps): Promise<Agent> {
  if (ctx.principal.kind === 'key') {
    throw new AppError('FORBIDDEN', undefined, undefined, 'A key cannot manage payments');
  }
  const { agent, isOwned } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  if (!isOwned) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}

async function put(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(putPaymentsSchema, await ctx.readBody());
  const agent = await requireOwned(ctx, deps);
  if (body.enabled && deps.config.X402_FACILITATOR === undefined) throw new AppError('PAYMENTS_NOT_CONFIGURED');
  const before = await loadPaymentSettings(deps.database, { agentId: agent._id, ownerId: ctx.owner.id });
  const settings = {
    ...before,
    isEnabled: body.enabled,
    // Who only switches it off need not say everything again to switch it on.
    price: body.price ?? before.price,
    payTo: body.pay_to ?? before.payTo,
    description: body.description,
    timeoutSeconds: body.timeout_seconds,
    updatedAt: ctx.now,
  };
  await savePaymentSettings(deps.database, settings);
  return { status: 200, body: presentPaymentSettings(settings) };
}
