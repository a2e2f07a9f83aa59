import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';

/** Input of a registration: ids and the handle only. Address and profile stay in the pending row. */
export interface RegistrationInput {
  pendingId: string;
  handle: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
}

/** How a registration ended. */
export type RegistrationOutcome =
  'verified' | 'expired' | 'exhausted' | 'mail_failed' | 'refused' | 'abandoned' | 'start_over';

export interface RegistrationResult {
  outcome: RegistrationOutcome;
  attempts: number;
}

/** Where a registration stands, for operators and tests. */
export interface RegistrationState {
  stage: 'starting' | 'mailing' | 'waiting_for_code' | 'creating_agent' | RegistrationOutcome;
  attempts: number;
}

/** Whether the code was mailed. Refusals are answers, not failures. */
export type BeginAnswer =
  | { kind: 'mailed' }
  | { kind: 'cooldown'; retryAfterMs: number }
  | { kind: 'hourly_cap'; retryAfterMs: number }
  | { kind: 'mail_failed' }
  /** The caller was told 503 already: nothing was mailed. */
  | { kind: 'too_late' };

export type VerifyAnswer = { kind: 'consumed' | 'wrong' | 'exhausted' | 'expired' };

/** Ask: mail the code, unless `answerBy` (epoch ms) has passed. Repeating it gives the first answer. */
export const beginUpdate = defineUpdate<BeginAnswer, [{ answerBy: number }]>('begin');

/** Ask: is this the code? `proof` is a keyed hash of what was typed. Counts an attempt each time. */
export const verifyUpdate = defineUpdate<VerifyAnswer, [{ proof: string }]>('verify');

/** Tell: the agent was created. */
export const committedSignal = defineSignal('committed');

/** Look: the state. */
export const stateQuery = defineQuery<RegistrationState>('state');
