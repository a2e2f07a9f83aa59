import { getPayments, listPayments, putPayments } from '../../../contract/endpoints-payments';
import { AppError } from '../../../contract/errors';
import { paymentsLogQuerySchema, putPaymentsSchema } from '../../../contract/payments';
import { presentPayment, presentPaymentSettings } from '../../../presenters/payments';
import { loadPaymentSettings, savePaymentSettings } from '../../../store/gateway/payment-settings';
import { listPayments as readPayments } from '../../../store/gateway/payments';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import type { GatewayDeps } from './gateway-deps';
import { requireOwned } from './require-owned';

/** Owners, and nobody else, say what turns with their agents cost, and see who has paid: gateway.md §6.3. */
export function paymentRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(getPayments, async (ctx) => {
      const agent = await requireOwned(ctx, deps, 'payments');
      const settings = await loadPaymentSettings(deps.database, { agentId: agent._id, ownerId: ctx.owner.id });
      return { status: 200, body: presentPaymentSettings(settings) };
    }),
    gatewayRoute(putPayments, (ctx) => put(ctx, deps)),
    gatewayRoute(listPayments, async (ctx) => {
      const { limit } = ctx.validate(paymentsLogQuerySchema, Object.fromEntries(ctx.query));
      const agent = await requireOwned(ctx, deps, 'payments');
      const payments = await readPayments(deps.database, agent._id, limit);
      return { status: 200, json: JSON.stringify(payments.map(presentPayment)) };
    }),
  ];
}

async function put(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(putPaymentsSchema, await ctx.readBody());
  const agent = await requireOwned(ctx, deps, 'payments');
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
