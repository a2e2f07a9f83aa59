import { defineQuery } from '@temporalio/workflow';

/** One flow for each deleted account. */
export const accountDeletionId = (agentId: string): string => `account-deletion:${agentId}`;

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

/** Query: how far a deletion got. */
export const progressQuery = defineQuery<AccountDeletionProgress>('progress');
