import { CODE_ATTEMPTS_MAX } from '../contract/limits';

/**
 * A verification by mailed code (registration, key recovery, key rotation, sign-in) as plain state: who may try, who wins, how it
 * ends. The flows of `workflows/` hold timers and side effects around it.
 */

/** How a flow ended. */
export type CodeFlowOutcome =
  /** Right code, and what it was for is done. */
  | 'verified'
  /** No right code in time. */
  | 'expired'
  /** One try too many. */
  | 'exhausted'
  /** The mail system did not accept the code, and the caller was told. */
  | 'mail_failed'
  /** Too many codes to this address, and the caller was told. */
  | 'refused'
  /** The caller had gone before the code was mailed. */
  | 'abandoned'
  /** Right code, but what it was for did not happen; the caller starts over. */
  | 'start_over';

export type CodeFlowStage = 'starting' | 'mailing' | 'waiting_for_code' | 'committing' | CodeFlowOutcome;

export interface CodeFlowState {
  stage: CodeFlowStage;
  attempts: number;
  /** What became of the mail; `held` = it waits for the end of the address's cooldown. */
  mail: 'not_yet' | 'held' | 'sent' | 'not_sent';
}

/** @param stage `starting` where a caller asks for the mail; `waiting_for_code` where the flow mails by itself */
export function newCodeFlow(stage: 'starting' | 'waiting_for_code'): CodeFlowState {
  return { stage, attempts: 0, mail: 'not_yet' };
}

/**
 * Counts a try, before anything is compared: parallel tries cannot exceed the maximum, and the sixth is refused even
 * with the right code (identity.md §4).
 */
export function countTry(state: CodeFlowState): { state: CodeFlowState; verdict: 'compare' | 'exhausted' | 'expired' } {
  if (state.stage !== 'waiting_for_code') return { state, verdict: 'expired' };
  const attempts = state.attempts + 1;
  if (attempts <= CODE_ATTEMPTS_MAX) return { state: { ...state, attempts }, verdict: 'compare' };
  return { state: { ...state, attempts, stage: 'exhausted' }, verdict: 'exhausted' };
}

/**
 * One winner: another try may have won, or burned the pending, while this one was compared. After a winner everybody
 * else is told `expired`: the row may have been gone before the comparison, so "wrong" would prove nothing.
 */
export function ruleOnTry(
  state: CodeFlowState,
  isRight: boolean,
): { state: CodeFlowState; verdict: 'consumed' | 'wrong' | 'expired' } {
  const isOpen = state.stage === 'waiting_for_code';
  if (!isRight) return { state, verdict: isOpen || state.stage === 'exhausted' ? 'wrong' : 'expired' };
  if (!isOpen) return { state, verdict: 'expired' };
  return { state: { ...state, stage: 'committing' }, verdict: 'consumed' };
}

/** How the flow ended, or null while it has not. */
export function outcomeOf({ stage }: CodeFlowState): CodeFlowOutcome | null {
  switch (stage) {
    case 'starting':
    case 'mailing':
    case 'waiting_for_code':
    case 'committing':
      return null;
    default:
      return stage;
  }
}
