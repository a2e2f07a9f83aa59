import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CodeFlowOutcome, CodeFlowState } from '../domain/code-flow';
import type { EnforcementCounts, EnforcementTrigger } from '../domain/enforcement';
import type { AccountStatus, StatusSource } from '../domain/heads';
import type { ReleaseStage } from '../domain/release';
import type { AttemptCounts, WebhookHealth } from '../domain/webhook-health';

/** Input of a flow that mails a code: ids and the handle only. Address and profile stay in the pending row. */
export interface CodeFlowInput {
  pendingId: string;
  /** Null for decoys and sign-ins: operators find every flow of an agent by its handle. */
  handle: string | null;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
}

export interface CodeFlowResult {
  outcome: CodeFlowOutcome;
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

/** What was done with a right code: an agent was created or got a new key, or an owner was signed in. */
export type Commit = AgentCommit | { ownerId: string };

export interface AgentCommit {
  agentId: string;
  /** Of its key: sockets that were opened with an older one are closed. */
  keyVersion: number;
}

/** Ask: mail the code, unless `answerBy` (epoch ms) has passed. Repeating it gives the first answer. */
export const beginUpdate = defineUpdate<BeginAnswer, [{ answerBy: number }]>('begin');

/** Ask: is this the code? `proof` is a keyed hash of what was typed. Counts an attempt each time. */
export const verifyUpdate = defineUpdate<VerifyAnswer, [{ proof: string }]>('verify');

/** Tell: what the code was for has been committed. */
export const committedSignal = defineSignal<[Commit]>('committed');

/** Look: the state. */
export const stateQuery = defineQuery<CodeFlowState>('state');

/** Input of the background part of an account's deletion. */
export interface AccountDeletionInput {
  agentId: string;
  handle: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
}

/** Where the background part of a deletion stands: the step that runs, and those that are done. */
export interface AccountDeletionProgress {
  stage: string;
  done: string[];
}

/** Look: how far a deletion got. */
export const progressQuery = defineQuery<AccountDeletionProgress>('progress');

/** Input of the flow that tells the members of a deleted group. */
export interface GroupDeletionInput {
  groupId: string;
  hasSearchAttributes: boolean;
}

/** How far a deletion is; counts are members. */
export interface GroupDeletionProgress {
  stage: 'telling' | 'retrying' | 'flushing' | 'finished';
  recipients: number;
  done: number;
  /** Of `done`: the owner's full pause drops live notices, the stored one waits. */
  paused: number;
  retrying: number;
  dead: number;
  /** Members whose older envelopes are rewritten, out of all who were in the group. */
  flushed: number;
  flushing: number;
  /** When the deletion became known to the flow; null once nobody is unfinished. */
  unfinishedSince: string | null;
}

/** Look: how far the deletion of a group got. */
export const groupProgressQuery = defineQuery<GroupDeletionProgress>('progress');

/** Input of an agent's enforcement: never who blocked or reported. */
export interface EnforcementInput {
  agentId: string;
  handle: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
  /** What a run that grew too long hands to the next. */
  resumed?: { asked: EnforcementTrigger | null; view: EnforcementView };
}

/** What a recount found. */
export interface EnforcementCount {
  status: AccountStatus;
  source: StatusSource;
  isSticky: boolean;
  counts: EnforcementCounts;
  /** Epoch ms; null = nothing to wait for. */
  nextEvaluationAt: number | null;
  /** Transitions whose side effects are still to do, in their order. */
  unsettled: number[];
}

/** Where an agent's enforcement stands, for operators and tests. */
export type EnforcementView = Omit<EnforcementCount, 'unsettled'> & {
  trigger: EnforcementTrigger;
  evaluatedAt: number;
};

/** Tell: something happened that can change the agent's state. May come any number of times. */
export const evaluateSignal = defineSignal<[{ trigger: EnforcementTrigger }]>('evaluate');

/** Look: the last recount; null before the first. */
export const enforcementQuery = defineQuery<EnforcementView | null>('enforcement');

/** Input of the flow of a webhook in trouble: never its URL. */
export interface WebhookFlowInput {
  webhookId: string;
  /** Of the agent whose webhook it is. */
  handle: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
  /** What a run that grew too long hands to the next. */
  resumed?: { orders: WebhookOrder[]; view: WebhookFlowView };
}

/** What operators can ask of a webhook in trouble. */
export type WebhookOrder = { kind: 'retry_now' } | { kind: 'disable' } | { kind: 'skip'; deliveryId: string };

/** Where a webhook in trouble stands; the counts are those of the flow. */
export type WebhookFlowView = WebhookHealth & AttemptCounts;

/** Tell: an attempt failed, or there is another reason to look by `dueAt` (epoch ms). May come any number of times. */
export const attemptFailedSignal = defineSignal<[{ dueAt: number }]>('attemptFailed');

/** Tell: what failed is due now, whatever its delay or the cool-down. */
export const retryNowSignal = defineSignal('retryNow');

/** Tell: switch the webhook off and cancel what waits. */
export const disableSignal = defineSignal('disable');

/** Tell: cancel this delivery. */
export const skipSignal = defineSignal<[{ deliveryId: string }]>('skip');

/** Look: the last state; null before the first look. */
export const healthQuery = defineQuery<WebhookFlowView | null>('health');

/** Input of the flow that releases what a full pause or a suspension held back. */
export interface InboxReleaseInput {
  agentId: string;
  handle: string;
  /** Of the agent's pause since the release began: a run belongs to one. */
  epoch: number;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
  /** What a run that grew too long hands to the next. */
  resumed?: { view: ReleaseView; isAsked: boolean; ended: 'repaused' | 'ended' | null };
}

/** How far a release got; counts stop at 10,000. */
export interface ReleaseView {
  stage: ReleaseStage;
  epoch: number;
  /** Deliveries that were made for webhooks. */
  told: number;
  /** Envelopes that webhooks are still to be told of. */
  parked: number;
  openSockets: number;
  /** Of them, those that have not passed the end of the pause. */
  socketsBehind: number;
  /** Envelopes that are still stored between the slowest of these and the end of the pause. */
  remaining: number;
}

/** Tell: a silence ended, at this epoch of the pause. Starts the flow when it does not run; may come any number of times. */
export const releasedSignal = defineSignal<[{ epoch: number }]>('released');

/** Tell: another full pause began, at this epoch. */
export const repausedSignal = defineSignal<[{ epoch: number }]>('repaused');

/** Tell: the account has lost its access. */
export const endedSignal = defineSignal('ended');

/** Look: how far the release got; null before the first look. */
export const releaseProgressQuery = defineQuery<ReleaseView | null>('progress');
