import { allHandlersFinished, ApplicationFailure, condition, proxyActivities, setHandler } from '@temporalio/workflow';
import type { CodeActivities } from '../activities/code-by-mail';
import {
  countTry,
  newCodeFlow,
  outcomeOf,
  ruleOnTry,
  type CodeFlowStage,
  type CodeFlowState,
} from '../domain/code-flow';
import { createStatus, type Words } from './code-status';
import {
  committedSignal,
  stateQuery,
  verifyUpdate,
  type CodeFlowInput,
  type CodeFlowResult,
  type Commit,
  type VerifyAnswer,
} from './messages/code-by-mail';

/** Two rows and a hash: a second is long; a worker that is down is waited for, as the code stays valid. */
const { checkProof } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '5 seconds' },
  summary: 'Compare the code',
});

/** Cleaning up has time; the row would expire by itself. */
const { closePending } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '10 minutes',
  summary: 'Remove the pending row',
});

/** How long the api may take from the right code to the signal of its commit; its transaction gives up after 15 s. */
const COMMIT_WAIT = '2 minutes';

/** What a plan may do with its flow. */
export interface CodeFlow {
  readonly input: CodeFlowInput;
  state(): CodeFlowState;
  enter(stage: CodeFlowStage): void;
  noteMail(mail: CodeFlowState['mail']): void;
}

/** How the flows differ. */
export interface Plan {
  words: Words;
  /** An owner's: there is no agent to find it by, and no decoy that it must be like. */
  isOfOwner?: true;
  /** Where the flow stands before anybody has asked for anything. */
  firstStage: 'starting' | 'waiting_for_code';
  /** Sets the handlers of its own, before anything is awaited. */
  prepare?: (flow: CodeFlow) => void;
  /** Mails the code and lets the tries come; at its end the flow has a verdict or an outcome. */
  untilRuled: (flow: CodeFlow) => Promise<void>;
  /** What is left to do after the api's commit. */
  afterCommit?: (commit: Commit) => Promise<void>;
}

/**
 * Mails a code, rules on the tries and ends in a named outcome. The attempt count lives here, so it is serialised
 * whatever the number of api processes; what the code is for happens in the api's own transaction.
 */
export async function codeByMail(input: CodeFlowInput, plan: Plan): Promise<CodeFlowResult> {
  let state = newCodeFlow(plan.firstStage);
  let commit: Commit | null = null;
  const show = createStatus(input, plan);
  const become = (next: CodeFlowState): void => {
    if (next.stage !== state.stage || next.mail !== state.mail) show(next);
    state = next;
  };
  const flow: CodeFlow = {
    input,
    state: () => state,
    enter: (stage) => become({ ...state, stage }),
    noteMail: (mail) => become({ ...state, mail }),
  };
  const rule = async (proof: string): Promise<VerifyAnswer> => {
    const counted = countTry(state);
    become(counted.state);
    if (counted.verdict !== 'compare') return { kind: counted.verdict };
    const isRight = await checkProof({ pendingId: input.pendingId, proof, attempt: counted.state.attempts });
    const ruled = ruleOnTry(state, isRight);
    become(ruled.state);
    return { kind: ruled.verdict };
  };

  setHandler(stateQuery, () => ({ ...state }));
  setHandler(committedSignal, (done) => {
    commit = done;
  });
  setHandler(verifyUpdate, ({ proof }) => rule(proof));
  plan.prepare?.(flow);
  show(state);

  await plan.untilRuled(flow);
  if (state.stage === 'committing') {
    await condition(() => commit !== null, COMMIT_WAIT);
    if (commit !== null) await plan.afterCommit?.(commit);
    flow.enter(commit === null ? 'start_over' : 'verified');
  }
  await closePending({ pendingId: input.pendingId }).catch(() => undefined);
  await condition(allHandlersFinished);
  const outcome = outcomeOf(state);
  if (outcome === null) throw ApplicationFailure.nonRetryable(`a flow ended while ${state.stage}`, 'INTERNAL_ERROR');
  return { outcome, attempts: state.attempts };
}
