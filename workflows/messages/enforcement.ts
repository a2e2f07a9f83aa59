import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { EnforcementCounts, EnforcementTrigger } from '../../domain/enforcement';
import type { AccountStatus, StatusSource } from '../../domain/guards';

/** One flow for each agent. */
export const enforcementId = (agentId: string): string => `enforcement:${agentId}`;

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

/** Signal: something happened that can change the agent's state. May come any number of times. */
export const evaluateSignal = defineSignal<[{ trigger: EnforcementTrigger }]>('evaluate');

/** Query: the last recount; null before the first. */
export const enforcementQuery = defineQuery<EnforcementView | null>('enforcement');
