import { hasEnded, type TurnStatus } from '../domain/turns';
import type { SettleState } from '../domain/settlement';
import type { Logger } from '../platform/logger';
import type { Facilitator } from '../platform/x402/facilitator';
import { loadExecution } from '../store/gateway/executions';
import { handOverFrom, type HandOverDeps } from '../store/gateway/hand-over';
import {
  beginSettlement,
  forgetPayload,
  loadPayment,
  recordSettlement,
  releasePayment,
  type PaymentSeal,
} from '../store/gateway/payments';
import { endTurn } from '../store/gateway/turns';

export interface PaidTurnActivityDeps extends HandOverDeps {
  /** Null: the server takes no payments any more; those that were taken wait. */
  facilitator: Facilitator | null;
  paymentSeal: PaymentSeal;
  log: Logger;
}

/** The side effects of a paid turn (gateway.md §6.3). Inputs and results hold ids and states only. */
export function createPaidTurnActivities(deps: PaidTurnActivityDeps) {
  const { database, log, facilitator } = deps;

  return {
    /** Looks how the turn ended; where it brought no answer nothing is paid. A second run changes nothing. */
    async closePaidTurn({
      executionId,
      paymentId,
    }: {
      executionId: string;
      paymentId: string;
    }): Promise<{ status: TurnStatus }> {
      const status = await endOf(deps, executionId);
      if (status !== 'completed') await releasePayment(database, paymentId, status);
      return { status };
    },

    /**
     * Asks the facilitator once to settle the payment. Dies in the middle: it stands in the row that it was asked, so the
     * second run asks again with the same payment and takes no refusal for the truth (`afterAnswer`).
     */
    async settlePayment({ paymentId }: { paymentId: string }): Promise<{ status: SettleState }> {
      if (facilitator === null) {
        log.error({ event: 'payment.no_facilitator', paymentId, mend: 'X402_FACILITATOR' });
        return { status: 'settling' };
      }
      return { status: await settle(deps, paymentId, facilitator) };
    },

    /** A day has passed: nobody asks for the payment any more. One in doubt stays so, for people to look at. */
    async abandonPayment({ paymentId }: { paymentId: string }): Promise<void> {
      const { status } = await loadPayment(database, paymentId);
      if (status === 'settling') log.error({ event: 'payment.unresolved', paymentId });
      await forgetPayload(database, paymentId);
    },
  };
}

export type PaidTurnActivities = ReturnType<typeof createPaidTurnActivities>;

/** Ends a turn whose flow was cut off. @returns how it ended */
async function endOf(deps: HandOverDeps, executionId: string): Promise<TurnStatus> {
  const { database, clock } = deps;
  const execution = await loadExecution(database, executionId);
  if (execution !== null && hasEnded(execution.status)) return execution.status;
  const ended = await endTurn(database, executionId, { status: 'cancelled', at: clock.now() });
  if (ended !== null) await handOverFrom(deps, ended.nextId);
  return (await loadExecution(database, executionId))?.status ?? 'failed';
}

/** Asks a facilitator once. @returns where the payment stands then */
async function settle(
  { database, clock, log, paymentSeal }: PaidTurnActivityDeps,
  paymentId: string,
  by: Facilitator,
): Promise<SettleState> {
  const payment = await loadPayment(database, paymentId);
  if (payment.status === 'settled') return 'settled';
  // First, so that a payment which nobody can open is not in doubt: it was not sent.
  const call = paymentSeal.open(payment);
  const before = await beginSettlement(database, paymentId);
  // Another run of this step was faster.
  if (before === null) return 'settled';
  const answer = await by.settle(call);
  if (answer.kind !== 'settled') {
    const { kind, reason } = answer;
    log.warn({ event: 'payment.not_settled', paymentId, kind, reason, isInDoubt: before.isInDoubt });
  }
  return recordSettlement(database, before, answer, clock.now());
}
