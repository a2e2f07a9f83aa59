import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { TurnInput } from './turn';

/** One flow for each turn that is paid for. */
export const paidTurnId = (executionId: string): string => `paid-turn:${executionId}`;

/** Input of the flow of a paid turn: ids, handles and times only. What moves the money stands in the payment's row. */
export interface PaidTurnInput {
  turn: TurnInput;
  paymentId: string;
  /** ISO 8601. Continued: its turn has brought an answer, and until then the payment is asked for. */
  settleUntil?: string;
  /** Continued: how often it was asked for. */
  asked?: number;
}

export interface PaidTurnView {
  /** Released: the turn brought no answer. Withheld: it did, and its payment was refused. */
  state: 'running' | 'settling' | 'settled' | 'withheld' | 'released';
}

/** Signal: the payer has sent its payment again. May come any number of times. */
export const settlementAskedSignal = defineSignal('settlementAsked');

/** Query: where the payment stands, as the flow saw it last. */
export const paidTurnQuery = defineQuery<PaidTurnView>('paidTurn');
