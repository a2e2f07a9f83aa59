import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { TurnStatus } from '../../domain/turns';

/** One flow for each turn. */
export const turnId = (executionId: string): string => `turn:${executionId}`;

/** Input of the flow of a turn: ids, handles and times only. */
export interface TurnInput {
  executionId: string;
  sessionId: string;
  agentHandle: string;
  /** ISO 8601. Until then the caller waits, and the turn holds its session. */
  waitUntil: string;
  /** Then the turn fails, if it is still open. */
  deadlineAt: string;
  /** How the turn had ended when its flow was started. */
  ended?: Pick<TurnView, 'status' | 'isHandedOver'>;
  /** The end of the turn is told to the application that asked for it. */
  hasCallback?: true;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
}

export interface TurnView {
  status: TurnStatus;
  /** The user's message is with the agent. */
  isHandedOver: boolean;
  /** Epoch ms. Of tasks with more than one try: when the next one may be handed over, or this one must have been taken. */
  nextLookAt?: number;
  /** Of turns that have ended: the telling of it. */
  callback?: 'waiting' | 'told' | 'given up';
}

/** Signal: the turn has ended, or it is its turn to be handed over. May come any number of times. */
export const turnChangedSignal = defineSignal('turnChanged');

/** Query: where the turn stands, as the flow saw it last. */
export const turnQuery = defineQuery<TurnView>('turn');
