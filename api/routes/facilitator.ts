import { z } from 'zod';
import type { Endpoint } from '../../contract/endpoint';
import { nameV1Of, NETWORKS } from '../../domain/x402';
import type { Facilitator, FacilitatorCall } from '../../platform/x402/facilitator';
import { setBalance } from '../../store/gateway/local-facilitator';
import type { Database } from '../../store/schema/database';
import { publicRoute, type Reply, type RequestContext, type Route } from '../http/route';

const endpoint = (method: 'GET' | 'POST', name: string, operationId: string, summary: string): Endpoint => ({
  method,
  path: `/x402/facilitator/${name}`,
  operationId,
  summary,
  tag: 'Internal',
  auth: 'none',
  responses: { 200: { description: 'The answer' } },
  errors: ['VALIDATION_ERROR'],
  isInternal: true,
});
const verifyEndpoint = endpoint('POST', 'verify', 'verifyPayment', 'Whether a payment would be settled');
const settleEndpoint = endpoint('POST', 'settle', 'settlePayment', 'Settle a payment');
const supportedEndpoint = endpoint('GET', 'supported', 'getSupportedPayments', 'What can be settled');
const balancesEndpoint = endpoint('POST', 'balances', 'setBalance', 'Set what an account has');

const callSchema = z.object({
  x402Version: z.union([z.literal(1), z.literal(2)]),
  paymentPayload: z.looseObject({}),
  paymentRequirements: z.looseObject({}),
});
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const balanceSchema = z.object({
  network: z.string().max(64),
  asset: address,
  address,
  amount: z.string().regex(/^\d{1,77}$/),
});

/**
 * The local facilitator on the wire (gateway.md §6.3), for clients that want to talk to one. Only where the server is
 * configured with it, which production refuses: whoever asks sets balances here.
 */
export function facilitatorRoutes({
  database,
  facilitator,
}: {
  database: Database;
  facilitator: Facilitator;
}): Route[] {
  const call = async (ctx: RequestContext): Promise<FacilitatorCall> => ctx.validate(callSchema, await ctx.readBody());
  return [
    publicRoute(verifyEndpoint, async (ctx) => {
      const asked = await call(ctx);
      const answer = await facilitator.verify(asked);
      const body =
        answer.kind === 'valid'
          ? { isValid: true, payer: answer.payer }
          : { isValid: false, invalidReason: answer.reason };
      return { status: 200, body };
    }),
    publicRoute(settleEndpoint, async (ctx) => {
      const asked = await call(ctx);
      const answer = await facilitator.settle(asked);
      const network = asked.paymentRequirements['network'];
      const body =
        answer.kind === 'settled'
          ? { success: true, transaction: answer.transaction, network, amount: answer.amount }
          : { success: false, errorReason: answer.reason, transaction: '', network };
      return { status: 200, body };
    }),
    publicRoute(supportedEndpoint, () => Promise.resolve(supported())),
    publicRoute(balancesEndpoint, async (ctx) => {
      const balance = ctx.validate(balanceSchema, await ctx.readBody());
      await setBalance(database, balance);
      return { status: 200, body: balance };
    }),
  ];
}

function supported(): Reply {
  const kinds = NETWORKS.flatMap((network) => [
    { x402Version: 2, scheme: 'exact', network },
    { x402Version: 1, scheme: 'exact', network: nameV1Of(network) },
  ]);
  return { status: 200, body: { kinds, extensions: [], signers: { 'eip155:*': [] } } };
}
