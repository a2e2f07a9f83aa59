import { defineQuery } from '@temporalio/workflow';

/** One flow for each deleted group. */
export const groupDeletionId = (groupId: string): string => `group-deletion:${groupId}`;

/** Input of the flow that notifies the members of a deleted group. */
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

/** Query: how far the deletion of a group got. */
export const groupProgressQuery = defineQuery<GroupDeletionProgress>('progress');
