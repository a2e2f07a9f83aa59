/** The rules of settling a payment (gateway.md §6.3): money moves once at most, and nobody is asked for it twice. */

/**
 * What a facilitator said to a request to settle. Unsent: it did not reach it, or was turned away at its door. Unknown:
 * it may have moved the money.
 */
export type SettleAnswer =
  | { kind: 'settled'; transaction: string; amount: string | null }
  | { kind: 'refused'; reason: string }
  | { kind: 'unsent'; reason: string }
  | { kind: 'unknown'; reason: string };

/** Where a payment stands that was asked to be settled. Settling: what became of it has to be asked again. */
export type SettleState = 'settled' | 'refused' | 'settling';

/**
 * Where a payment stands after an answer. Once an answer was lost, only a settlement ends the doubt: a facilitator that
 * refuses a payment which it has settled before (its nonce is used, the payer's money gone) says the same as one that never
 * had it. Its payer is then not asked for money again.
 * @param wasInDoubt an earlier answer was lost, or its asker died while it waited
 */
export function afterAnswer(
  answer: SettleAnswer,
  wasInDoubt: boolean,
): { status: SettleState; isInDoubt: boolean; reason: string | null } {
  switch (answer.kind) {
    case 'settled':
      return { status: 'settled', isInDoubt: false, reason: null };
    case 'refused':
      return { status: wasInDoubt ? 'settling' : 'refused', isInDoubt: wasInDoubt, reason: answer.reason };
    case 'unsent':
      return { status: 'settling', isInDoubt: wasInDoubt, reason: answer.reason };
    case 'unknown':
      return { status: 'settling', isInDoubt: true, reason: answer.reason };
  }
}

const FIRST_PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 300_000;

/** How long the flow waits before it asks again, after so many questions. */
export const settlePauseMs = (asked: number): number =>
  Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** Math.min(asked, 20));
