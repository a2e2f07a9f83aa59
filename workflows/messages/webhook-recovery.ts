import { defineQuery } from '@temporalio/workflow';

/** One flow for each recovery that was asked for. */
export const recoveryFlowId = (jobId: string): string => `webhook-recovery:${jobId}`;

/** How far a recovery has read, as its activity says: epoch ms, ids and positions. */
export interface RecoveryCursor {
  logAtMs: number;
  /** Absent in histories of earlier versions. */
  logOrder?: string;
  logId: string;
  position: number;
  upTo: number;
}

/** Input of the flow that sends an endpoint what it missed. Holds no URL and no content. */
export interface WebhookRecoveryInput {
  webhookId: string;
  /** Of the agent whose webhook it is. */
  handle: string;
  /** Of the events, epoch ms: from the first on, before the second. */
  since: number;
  until: number;
  status: 'dead' | 'failed' | null;
  /** How many there were when it was asked for; counted up to 10,000. */
  matched: number;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
  /** What a run that grew too long hands to the next. */
  resumed?: { view: WebhookRecoveryView; cursor: RecoveryCursor | null; waits: number };
}

/** `waiting`: the endpoint has enough to do. The last three end the flow. */
export type RecoveryStage = 'recovering' | 'waiting' | 'done' | 'inactive' | 'deleted';

/** How far a recovery got. */
export interface WebhookRecoveryView {
  stage: RecoveryStage;
  matched: number;
  /** Deliveries that were made. */
  made: number;
  /** The time up to which the log was worked off, epoch ms. */
  readUpTo: number;
}

/** Query: how far it is. */
export const webhookRecoveryQuery = defineQuery<WebhookRecoveryView>('progress');
