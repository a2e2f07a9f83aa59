import { defineSearchAttributeKey } from '@temporalio/common';
import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { RegistrationActivities } from '../activities/registration';
import { CODE_ATTEMPTS_MAX, PENDING_LIFETIME_MS } from '../contract/limits';
import {
  beginUpdate,
  committedSignal,
  stateQuery,
  verifyUpdate,
  type BeginAnswer,
  type RegistrationInput,
  type RegistrationResult,
  type RegistrationState,
  type VerifyAnswer,
} from './messages';

/** A caller waits: one try of a mail may take 12 s at worst (SMTP timeouts), after 30 s nobody cares any more. */
const { mailCode } = proxyActivities<RegistrationActivities>({
  startToCloseTimeout: '12 seconds',
  scheduleToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumAttempts: 3 },
  summary: 'Mail the code',
});

/** One row read and a hash: a second is long; a worker that is down is waited for, as the code stays valid. */
const { checkProof } = proxyActivities<RegistrationActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '5 seconds' },
  summary: 'Compare the code',
});

/** Cleaning up has time; the row would expire by itself. */
const { closePending } = proxyActivities<RegistrationActivities>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '10 minutes',
  summary: 'Remove the pending row',
});

/** How long a started flow waits for its first message, and for word of the commit after the right code. */
const BEGIN_WAIT = '30 seconds';
const COMMIT_WAIT = '2 minutes';

const AGENT_HANDLE = defineSearchAttributeKey('AgentHandle', 'KEYWORD');
const STAGE = defineSearchAttributeKey('Stage', 'KEYWORD');

const DETAILS: Record<RegistrationState['stage'], string> = {
  starting: 'Waiting for the caller',
  mailing: 'Mailing the code',
  waiting_for_code: 'Code mailed; waiting up to 10 minutes for it',
  creating_agent: 'Right code; the API is creating the agent',
  verified: 'The agent was created',
  expired: 'No right code within 10 minutes',
  exhausted: 'Too many wrong codes',
  mail_failed: 'The mail system did not accept the code',
  refused: 'Too many codes to this address',
  abandoned: 'The caller had gone before the code was mailed',
  start_over: 'Right code, but no agent was created; the caller starts over',
};

/**
 * Mails a code, rules on the tries and ends in a named outcome. The attempt count lives here, so it is serialised
 * whatever the number of api processes; creating the agent is the api's own transaction.
 */
export async function registration(input: RegistrationInput): Promise<RegistrationResult> {
  const state: RegistrationState = { stage: 'starting', attempts: 0 };
  let isCommitted = false;
  let begin: Promise<BeginAnswer> | null = null;

  const enter = (stage: RegistrationState['stage']): void => {
    state.stage = stage;
    setCurrentDetails(DETAILS[stage]);
    if (input.hasSearchAttributes) {
      upsertSearchAttributes([
        { key: AGENT_HANDLE, value: input.handle },
        { key: STAGE, value: stage },
      ]);
    }
  };

  setHandler(stateQuery, () => ({ ...state }));
  setHandler(committedSignal, () => {
    isCommitted = true;
  });
  setHandler(beginUpdate, ({ answerBy }) => (begin ??= mailUnlessLate(input, answerBy, enter)));
  setHandler(verifyUpdate, ({ proof }) => ruleOn(input, state, proof, enter));

  enter('starting');
  await condition(() => state.stage !== 'starting' && state.stage !== 'mailing', BEGIN_WAIT);
  if (state.stage === 'starting' || state.stage === 'mailing') enter('abandoned');
  if (state.stage === 'waiting_for_code') {
    await condition(() => state.stage !== 'waiting_for_code', PENDING_LIFETIME_MS);
    if (state.stage === 'waiting_for_code') enter('expired');
  }
  if (state.stage === 'creating_agent') {
    enter((await condition(() => isCommitted, COMMIT_WAIT)) ? 'verified' : 'start_over');
  }
  await closePending({ pendingId: input.pendingId });
  await condition(allHandlersFinished);
  return { outcome: outcomeOf(state), attempts: state.attempts };
}

/** A worker that takes the flow after its caller was told 503 mails nothing. */
async function mailUnlessLate(
  input: RegistrationInput,
  answerBy: number,
  enter: (stage: RegistrationState['stage']) => void,
): Promise<BeginAnswer> {
  if (Date.now() > answerBy) {
    enter('abandoned');
    return { kind: 'too_late' };
  }
  enter('mailing');
  const answer = await mailCode({ pendingId: input.pendingId, now: Date.now() }).catch((): BeginAnswer => ({
    kind: 'mail_failed',
  }));
  if (answer.kind === 'mailed') enter('waiting_for_code');
  else enter(answer.kind === 'mail_failed' ? 'mail_failed' : 'refused');
  return answer;
}

/** The attempt is counted before anything is compared or awaited, so parallel tries cannot exceed the maximum. */
async function ruleOn(
  input: RegistrationInput,
  state: RegistrationState,
  proof: string,
  enter: (stage: RegistrationState['stage']) => void,
): Promise<VerifyAnswer> {
  if (state.stage !== 'waiting_for_code') return { kind: 'expired' };
  state.attempts += 1;
  if (state.attempts > CODE_ATTEMPTS_MAX) {
    enter('exhausted');
    return { kind: 'exhausted' };
  }
  const isRight = await checkProof({ pendingId: input.pendingId, proof });
  if (!isRight) return { kind: 'wrong' };
  // Another try may have won, or burned the pending, while this one was compared. TypeScript cannot see that.
  if (!isWaiting(state)) return { kind: 'expired' };
  enter('creating_agent');
  return { kind: 'consumed' };
}

const isWaiting = (state: RegistrationState): boolean => state.stage === 'waiting_for_code';

function outcomeOf(state: RegistrationState): RegistrationResult['outcome'] {
  switch (state.stage) {
    case 'starting':
    case 'mailing':
    case 'waiting_for_code':
    case 'creating_agent':
      throw ApplicationFailure.nonRetryable('a registration ended before its end', 'INTERNAL_ERROR');
    default:
      return state.stage;
  }
}
