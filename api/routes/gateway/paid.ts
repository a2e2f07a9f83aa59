import { getPaidInfo, paidChat } from '../../../contract/endpoints-payments';
import { AppError } from '../../../contract/errors';
import { CONTENT_BYTES_MAX, PAID_MESSAGE_BYTES_MAX } from '../../../contract/limits';
import { paidChatSchema } from '../../../contract/payments';
import { faultOfPayment, keyOfPayment, requiredV1, requiredV2 } from '../../../domain/x402';
import { readPayment, type ReadPayment } from '../../../domain/x402-header';
import type { Facilitator } from '../../../platform/x402/facilitator';
import { agentNameOf } from '../../../presenters/gateway';
import { findClaimed, findNamed, hashOfPayment } from '../../../store/gateway/payments';
import { payerPrincipal } from '../../../store/gateway/principals';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import { findOffer, refuseUnavailable, type OfferedAgent } from '../../paid/find-offer';
import { NO_PAYMENT, paymentRequired } from '../../paid/paid-answers';
import {
  answerPaidTurn,
  beginPaidTurn,
  replayPaidTurn,
  usedOtherwise,
  verify,
  type PaidRequest,
  type PaidTurnsDeps,
} from '../../paid/paid-turns';
import type { GatewayDeps } from './gateway-deps';

export interface PaidDeps extends Omit<GatewayDeps, 'commands' | 'reads'>, PaidTurnsDeps {
  /** Null: the server takes no payments. */
  facilitator: Facilitator | null;
}

/** Strangers pay for turns with agents: gateway.md §6.3. */
export function paidRoutes(deps: PaidDeps): Route[] {
  return [
    publicRoute(getPaidInfo, (ctx) => showInfo(ctx, deps)),
    publicRoute(paidChat, (ctx) => payAndChat(ctx, deps)),
  ];
}

type Paying = PaidDeps & { facilitator: Facilitator };

/** A server without a facilitator is one where nobody offers anything. */
function requireFacilitator(deps: PaidDeps): Paying {
  const { facilitator } = deps;
  if (facilitator === null) throw new AppError('AGENT_NOT_FOUND');
  return { ...deps, facilitator };
}

const offerOf = (ctx: RequestContext, { database, agents, config }: PaidDeps): Promise<OfferedAgent> =>
  findOffer({ database, agents, publicBaseUrl: config.PUBLIC_BASE_URL }, ctx.params.name ?? '');

async function showInfo(ctx: RequestContext, all: PaidDeps): Promise<Reply> {
  const deps = requireFacilitator(all);
  await deps.limiter.countGateway('reads', ctx.clientIp);
  const { agent, offer } = await offerOf(ctx, deps);
  const body = {
    agent_name: agentNameOf(agent),
    enabled: true,
    price: offer.price,
    timeout_seconds: offer.timeoutSeconds,
    payment_required: requiredV2(offer, NO_PAYMENT),
    payment_required_v1: requiredV1(offer, NO_PAYMENT),
  };
  return { status: 200, body };
}

/** The order of gateway.md §6.3, which callers can observe. */
async function payAndChat(ctx: RequestContext, all: PaidDeps): Promise<Reply> {
  const deps = requireFacilitator(all);
  const found = await offerOf(ctx, deps);
  refuseUnavailable(found.agent);
  const body = ctx.validate(paidChatSchema, await ctx.readBody());
  refuseOversize(body.message);
  const read = readHeaders(ctx);
  if (read === null) return demand(ctx, deps, found, NO_PAYMENT);
  if (read.kind === 'malformed') throw new AppError('PAYMENT_INVALID');
  if (read.kind === 'faulty') return demand(ctx, deps, found, read.fault);
  const request: PaidRequest = { ctx, found, body, bodyText: await ctx.readText(), payment: read.payment };
  return (await replay(deps, request)) ?? take(deps, request);
}

function refuseOversize(message: string): void {
  const storedBytes = Buffer.byteLength(JSON.stringify({ text: message }));
  if (Buffer.byteLength(message) <= PAID_MESSAGE_BYTES_MAX && storedBytes <= CONTENT_BYTES_MAX / 2) return;
  throw new AppError('CONTENT_TOO_LARGE', { max_bytes: PAID_MESSAGE_BYTES_MAX });
}

/** Of a caller that speaks both versions the newer one counts. */
function readHeaders(ctx: RequestContext): ReadPayment | null {
  const [newer, older] = [ctx.header('payment-signature'), ctx.header('x-payment')];
  if (newer !== '') return readPayment(newer, 2);
  return older === '' ? null : readPayment(older, 1);
}

/** Asks for a payment. @throws AppError RATE_LIMITED */
async function demand(ctx: RequestContext, { limiter }: Paying, found: OfferedAgent, error: string): Promise<Reply> {
  await limiter.countGateway('unpaid', ctx.clientIp);
  return paymentRequired(found.offer, error);
}

/** What became of the same payment before; null: nothing that counts. */
async function replay(deps: Paying, request: PaidRequest): Promise<Reply | null> {
  const { payment, found } = request;
  const known = await findClaimed(deps.database, keyOfPayment(payment, found.offer));
  if (known === null) return null;
  // Its number alone is on everybody's chain: only who shows the whole payment gets what was paid for.
  if (known.payloadHash !== hashOfPayment(payment)) throw usedOtherwise();
  return replayPaidTurn(deps, request, known);
}

/** A payment that was not seen before: looked at, verified, claimed; then its turn. */
async function take(deps: Paying, request: PaidRequest): Promise<Reply> {
  const { ctx, payment, found } = request;
  const fault = faultOfPayment(payment, found.offer, ctx.now.getTime());
  if (fault !== null) return demand(ctx, deps, found, fault);
  const refused = await verify(deps.facilitator, request, deps.log);
  if (refused !== null) return demand(ctx, deps, found, refused);
  const { payer } = keyOfPayment(payment, found.offer);
  await deps.limiter.countGateway('turns', payerPrincipal(payer).key);
  const { identifier } = payment;
  const named = await findNamed(deps.database, { agentId: found.agent._id, payer, identifier });
  const repeated = named === null ? null : await replayPaidTurn(deps, request, named);
  if (repeated !== null) return repeated;
  const begun = await beginPaidTurn(deps, request);
  if (begun !== null) return answerPaidTurn(deps, request, begun);
  // Of several at once another one was faster: its turn is being answered.
  const reply = await replay(deps, request);
  if (reply !== null) return reply;
  throw new AppError('PAYMENT_IN_PROGRESS', undefined, undefined);
}
