import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CodeFlowOutcome, CodeFlowState } from '../../domain/code-flow';

/** The flows that verify an address by a mailed code. */
export type CodeFlowName = 'registration' | 'recovery' | 'rotation' | 'sign-in' | 'visit';

/** One flow for each pending verification. */
export const codeFlowId = (flow: CodeFlowName, pendingId: string): string => `${flow}:${pendingId}`;

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
  /** The caller got its 503 already: nothing was mailed. */
  | { kind: 'too_late' };

export type VerifyAnswer = { kind: 'consumed' | 'wrong' | 'exhausted' | 'expired' };

/** What was done with a right code: an agent was created or got a new key, an owner was signed in, or a visitor let in. */
export type Commit = AgentCommit | { ownerId: string } | { visitorId: string };

export interface AgentCommit {
  agentId: string;
  /** Of its key: sockets that were opened with an older one are closed. */
  keyVersion: number;
}

/** Update: mail the code, unless `answerBy` (epoch ms) has passed. Repeating it gives the first answer. */
export const beginUpdate = defineUpdate<BeginAnswer, [{ answerBy: number }]>('begin');

/** Update: is this the code? `proof` is a keyed hash of what was typed. Counts an attempt each time. */
export const verifyUpdate = defineUpdate<VerifyAnswer, [{ proof: string }]>('verify');

/**
 * Signal: a recovery was asked for again, for the `ask`-th time that a mail is due. Repeating a number asks for nothing new.
 */
export const askedSignal = defineSignal<[{ ask: number }]>('asked');

/** Signal: what the code was for has been committed. */
export const committedSignal = defineSignal<[Commit]>('committed');

/** Query: the state. */
export const stateQuery = defineQuery<CodeFlowState>('state');
