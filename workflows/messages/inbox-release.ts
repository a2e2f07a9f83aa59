import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { ReleaseStage } from '../../domain/release';

/** One flow for each agent. */
export const releaseId = (agentId: string): string => `release:${agentId}`;

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
  /** Envelopes of which webhooks have no delivery yet. */
  parked: number;
  openSockets: number;
  /** Of them, those that have not passed the end of the pause. */
  socketsBehind: number;
  /** Envelopes that are still stored between the slowest of these and the end of the pause. */
  remaining: number;
}

/** Signal: a silence ended, at this epoch of the pause. Starts the flow when it does not run; may come any number of times. */
export const releasedSignal = defineSignal<[{ epoch: number }]>('released');

/** Signal: another full pause began, at this epoch. */
export const repausedSignal = defineSignal<[{ epoch: number }]>('repaused');

/** Signal: the account has lost its access. */
export const endedSignal = defineSignal('ended');

/** Query: how far the release got; null before the first count. */
export const releaseProgressQuery = defineQuery<ReleaseView | null>('progress');
