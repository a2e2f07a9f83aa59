import { createHash } from 'node:crypto';
import { AppError } from '../../contract/errors';
import { PAYMENT_RETRY_MS, SETTLEMENT_WAIT_MS } from '../../contract/limits';
import type { PaidChatBody } from '../../contract/payments';
import { hasEnded } from '../../domain/turns';
import { keyOfPayment, termsV1, termsV2, type Offer, type PaymentClaim } from '../../domain/x402';
import { newGatewayId } from '../../platform/ids';
import type { Clock } from '../../platform/clock';
import type { Flows } from '../../platform/flows/flows';
import type { Facilitator, FacilitatorCall } from '../../platform/x402/facilitator';
import { presentPaidAnswer } from '../../presenters/payments';
import { loadExecution } from '../../store/gateway/executions';
import {
  claimPaidTurn,
  hashOfPayment,
  releasePayment,
  type PaidTurn,
  type PaymentSeal,
} from '../../store/gateway/payments';
import { payerPrincipal } from '../../store/gateway/principals';
import { findSession, newSession, type NewSession } from '../../store/gateway/sessions';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { Payment } from '../../store/schema/collections/payments';
import type { Database } from '../../store/schema/database';
import type { Logger } from '../../platform/logger';
import { ANSWERED } from '../http/call-handler';
import type { Reply, RequestContext } from '../http/route';
import { refusalOf } from '../turns/outcome';
import { startPatience } from '../turns/patience';
import type { Turns } from '../turns/turns';
import { awaitSettlement } from './await-settlement';
import type { OfferedAgent } from './find-offer';
import { paymentRequired, settlementHeader, unpaidRefusal } from './paid-answers';

export interface PaidTurnsDeps {
  database: Database;
  turns: Turns;
  flows: Pick<Flows, 'askSettlement'>;
  seal: PaymentSeal;
  clock: Clock;
  log: Logger;
}

/** A payment that came in for a turn. */
export interface PaidRequest {
  ctx: RequestContext;
  found: OfferedAgent;
  body: PaidChatBody;
  /** The body as it came. */
  bodyText: string;
  payment: PaymentClaim;
}

/** SHA-256 of a request's body: a payment is for these bytes. */
export const hashOfBody = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What facilitators are asked about a payment for this offer. */
export function callOf({ version, payload }: PaymentClaim, offer: Offer): FacilitatorCall {
  const [terms] = version === 1 ? termsV1(offer) : [termsV2(offer)];
  return { x402Version: version, paymentPayload: payload, paymentRequirements: { ...terms } };
}

/** @throws AppError SERVICE_UNAVAILABLE when it cannot be found out @returns why the payment is not taken; null: it is */
export async function verify(facilitator: Facilitator, { payment, found }: PaidRequest, log: Logger) {
  const answer = await facilitator.verify(callOf(payment, found.offer));
  if (answer.kind === 'unavailable') {
    log.warn({ event: 'payment.not_verified', reason: answer.reason });
    throw new AppError('SERVICE_UNAVAILABLE', undefined, PAYMENT_RETRY_MS);
  }
  if (answer.kind === 'invalid') return answer.reason;
  const isPayers = answer.payer === null || answer.payer.toLowerCase() === payment.authorization.from.toLowerCase();
  return isPayers ? null : 'invalid_exact_evm_payload_signature';
}

/**
 * Takes a verified payment and begins its turn. Nobody who is refused has left anything behind.
 * @returns null when the claim is taken: another request with this payment was faster
 * @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED, TURN_QUEUE_FULL
 */
export async function beginPaidTurn(deps: PaidTurnsDeps, request: PaidRequest) {
  const { ctx, found, body } = request;
  const { made, session } = await chooseSession(deps.database, request);
  const payment = newPayment(deps.seal, request);
  // Nobody works for a caller that has gone (gateway.md §10).
  const deadlineAt = new Date(ctx.now.getTime() + found.offer.timeoutSeconds * 1_000);
  const turn = {
    session,
    channel: 'paid' as const,
    contactOf: null,
    message: body.message,
    wantsStream: false,
    hints: {},
    waitUntil: deadlineAt,
    deadlineAt,
    now: ctx.now,
    paymentId: payment._id,
  };
  const claimed = await claimPaidTurn(deps.database, { payment, turn, made });
  if (claimed !== null) deps.turns.stored(claimed.execution);
  return claimed;
}

/** The payer's own session that the body names, or a new one. @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED */
async function chooseSession(
  database: Database,
  { ctx, found, body, payment }: PaidRequest,
): Promise<{ session: GatewaySession; made: NewSession | null }> {
  const principal = payerPrincipal(keyOfPayment(payment, found.offer).payer);
  const agentId = found.agent._id;
  if (body.session_id === undefined) {
    const made = newSession(principal, agentId, ctx.now, { kind: 'paid', isCurrent: false });
    return { session: made.session, made };
  }
  const session = await findSession(database, body.session_id, { principal, agentId });
  if (session === null) throw new AppError('SESSION_NOT_FOUND');
  if (session.status === 'closed') throw new AppError('SESSION_CLOSED');
  return { session, made: null };
}

function newPayment(seal: PaymentSeal, { ctx, found, bodyText, payment }: PaidRequest): PaidTurn['payment'] {
  const { agent, offer } = found;
  const id = newGatewayId('payment');
  return {
    _id: id,
    agentId: agent._id,
    version: payment.version,
    ...keyOfPayment(payment, offer),
    isClaimed: true,
    ...(payment.identifier === null ? {} : { identifier: payment.identifier }),
    bodyHash: hashOfBody(bodyText),
    payloadHash: hashOfPayment(payment),
    sealed: seal.seal(id, callOf(payment, offer)),
    amount: BigInt(payment.authorization.value).toString(),
    payTo: offer.payTo.toLowerCase(),
    status: 'running',
    attempts: 0,
    isInDoubt: false,
    reason: null,
    transaction: null,
    createdAt: ctx.now,
    settledAt: null,
  };
}

/** The turn's own flow ends it at its deadline; one that is late is not waited for longer than this. */
const LATE_MS_MAX = 5_000;

/** Waits for the end of a paid turn, then for its settlement: what its payer is told. */
export async function answerPaidTurn(
  deps: PaidTurnsDeps,
  request: PaidRequest,
  { execution, payment }: { execution: GatewayExecution; payment: Payment },
): Promise<Reply> {
  const { ctx } = request;
  nameTurn(ctx, execution);
  const patience = startPatience(ctx.whenGone(), execution.deadlineAt.getTime() - ctx.now.getTime() + LATE_MS_MAX);
  let ended = await deps.turns.awaitEnd(execution, patience.signal).finally(patience.end);
  if (!hasEnded(ended.status)) {
    if (deps.turns.isClosing() || isGone(ctx)) throw pending();
    // Its flow does so at the same moment, where one runs.
    await deps.turns.expire(ended);
    ended = await deps.turns.load(ended);
  }
  return answerEnded(deps, request, ended, { payment, isReplay: false });
}

const isGone = (ctx: RequestContext): boolean => ctx.whenGone().aborted && ctx.whenGone().reason !== ANSWERED;

/** Also of a refusal that comes later: its payer finds the turn in what the agent's owner is asked about. */
const nameTurn = (ctx: RequestContext, { _id, sessionId }: GatewayExecution): void =>
  ctx.setHeaders({ 'X-Execution-Id': _id, 'X-Session-Id': sessionId, 'Cache-Control': 'no-store' });

/** Never a 402: a client would sign a second payment. */
const pending = (): AppError => new AppError('PAYMENT_PENDING', undefined, PAYMENT_RETRY_MS);

async function answerEnded(
  deps: PaidTurnsDeps,
  request: PaidRequest,
  execution: GatewayExecution,
  { payment, isReplay }: { payment: Payment; isReplay: boolean },
): Promise<Reply> {
  const { ctx } = request;
  const { agent } = request.found;
  const refusal = refusalOf(agent.handle, execution);
  if (refusal !== null) {
    const reason = execution.error?.code ?? execution.status;
    // Its flow does so, too: here it is done before the payer hears that it may use its payment again.
    await releasePayment(deps.database, payment._id, reason);
    return unpaidRefusal(refusal, reason);
  }
  // A refusal that was there before it was asked for again is not the answer.
  const asked = payment.status === 'refused' ? payment.attempts : payment.attempts - 1;
  const isOver = ({ status, attempts }: Payment): boolean =>
    status === 'settled' || (status === 'refused' && attempts > asked);
  const since = isReplay ? ctx.now : (execution.completedAt ?? ctx.now);
  const waitedMs = Math.max(0, deps.clock.now().getTime() - since.getTime());
  const patience = startPatience(ctx.whenGone(), Math.max(0, SETTLEMENT_WAIT_MS - waitedMs));
  const known = await awaitSettlement(deps.database, payment._id, isOver, patience.signal).finally(patience.end);
  if (known === null) throw pending();
  return answerSettled(request, execution, known, isReplay);
}

function answerSettled(request: PaidRequest, execution: GatewayExecution, payment: Payment, isReplay: boolean): Reply {
  const { version } = request.payment;
  if (payment.status !== 'settled') {
    return paymentRequired(request.found.offer, payment.reason ?? 'unexpected_settle_error', { ...payment, version });
  }
  return {
    status: 200,
    headers: {
      ...settlementHeader(version, payment),
      ...(isReplay ? { 'X-Idempotent-Replay': 'true' } : {}),
    },
    body: presentPaidAnswer(execution, payment, version),
  };
}

/**
 * A payment that was taken before came in again: the same answer, no new turn, no new charge. One that was refused when it
 * was to be settled is asked for once more.
 * @returns null when its turn brought no answer: it may be used for a new one
 * @throws AppError PAYMENT_INVALID with another body, PAYMENT_IN_PROGRESS, PAYMENT_PENDING
 */
export async function replayPaidTurn(
  deps: PaidTurnsDeps,
  request: PaidRequest,
  payment: Payment,
): Promise<Reply | null> {
  const { ctx, found, bodyText } = request;
  if (payment.agentId !== found.agent._id || payment.bodyHash !== hashOfBody(bodyText)) throw usedOtherwise();
  const execution = await loadExecution(deps.database, payment.executionId);
  if (execution === null) throw usedOtherwise();
  if (!hasEnded(execution.status)) {
    nameTurn(ctx, execution);
    throw new AppError('PAYMENT_IN_PROGRESS', { execution_id: execution._id }, PAYMENT_RETRY_MS);
  }
  if (execution.status !== 'completed') {
    await releasePayment(deps.database, payment._id, execution.error?.code ?? execution.status);
    return null;
  }
  nameTurn(ctx, execution);
  const isOver = payment.status === 'refused' && (payment.withheldUntil ?? ctx.now) <= ctx.now;
  if (payment.status === 'settled' || isOver) return answerSettled(request, execution, payment, true);
  await deps.flows.askSettlement(execution._id).catch((error: unknown) => {
    deps.log.warn({ event: 'payment.ask_deferred', paymentId: payment._id, err: error });
  });
  return answerEnded(deps, request, execution, { payment, isReplay: true });
}

/** The payment was used for something else than this request. */
export const usedOtherwise = (): AppError =>
  new AppError('PAYMENT_INVALID', undefined, undefined, 'This payment was used for another request', 409);
