import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { TurnStatus } from '../../domain/turns';

/** One flow for each turn of a team. */
export const teamTurnId = (executionId: string): string => `team-turn:${executionId}`;

/** Input of the flow of a team's turn: ids and times only. */
export interface TeamTurnInput {
  executionId: string;
  teamId: string;
  sessionId: string;
  /** ISO 8601. Until then the caller waits, and the turn ends. */
  deadlineAt: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
}

export interface TeamTurnView {
  status: TurnStatus;
  /** Steps of members that were begun, of so many. Nothing is begun while the turn waits for another one. */
  step: number;
  steps: number;
}

/** Signal: the turn has ended, or it is the first of its session. May come any number of times. */
export const teamTurnChangedSignal = defineSignal('teamTurnChanged');

/** Query: where the turn stands, as the flow saw it last. */
export const teamTurnQuery = defineQuery<TeamTurnView>('teamTurn');
