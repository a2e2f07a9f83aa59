import type { CancelReason } from '../contract/turn-frames';
import { hasEnded, type TurnStatus } from '../domain/turns';
import type { Logger } from '../platform/logger';
import type { HandOverDeps } from '../store/gateway/hand-over';
import {
  askForSummary,
  askStep,
  cancelParts,
  endStep,
  finishTeam,
  notePart,
  noteRefused,
  stepsOfTurn,
} from '../store/gateway/team-parts';
import { loadTeamTurn, openTeamTurn } from '../store/gateway/team-turns';
import { endTurn } from '../store/gateway/turns';
import { flowInputOf } from '../store/gateway/turn-outbox';
import type { Database } from '../store/schema/database';
import type { TurnInput } from '../workflows/messages/turn';
import { followEnd } from './ended-turn';

export interface TeamTurnActivityDeps extends HandOverDeps {
  log: Logger;
}

/** What the flow of a part is started with. */
export type PartInput = Omit<TurnInput, 'hasSearchAttributes'>;

/** How a team's turn is to run; counts only. */
export interface TeamPlan {
  status: TurnStatus;
  /** It is the first of its session. */
  isFirst: boolean;
  steps: number;
  hasSummary: boolean;
}

export interface TeamTurnEnd {
  status: TurnStatus;
  /** The turn of its session that is the first now. */
  nextId: string | null;
}

type Of<More = unknown> = { executionId: string } & More;

/**
 * The side effects of a team's turn (gateway.md §5.4). Inputs and results hold ids, handles, times and counts; texts are
 * read from the store by the turn's id. A second run of any of them changes nothing (`store/gateway/team-parts.ts`).
 */
export function createTeamTurnActivities(deps: TeamTurnActivityDeps) {
  const { database, clock } = deps;

  return {
    /** Looks where the turn stands; begins it when it is the first of its session, and notes whom it does not ask. */
    async openTeamTurn({ executionId }: Of): Promise<TeamPlan> {
      const turn = await loadTeamTurn(database, executionId);
      // One that is gone was removed long after its end.
      if (turn === null) return { status: 'failed', isFirst: false, steps: 0, hasSummary: false };
      const isFirst = await openTeamTurn(database, turn, clock.now());
      if (isFirst) await noteRefused(deps, turn.execution);
      const { execution } = (await loadTeamTurn(database, executionId)) ?? turn;
      const hasSummary = execution.team.summarizer !== null;
      return { status: execution.status, isFirst, steps: stepsOfTurn(execution).length, hasSummary };
    },

    /** Asks the members of a step. @returns the turns of those that were asked; none when the team's turn has ended */
    async beginTeamStep({ executionId, step, until }: Of<{ step: number; until: string }>): Promise<PartInput[]> {
      const turn = await loadOpen(database, executionId);
      return turn === null ? [] : inputsOf(database, await askStep(deps, turn, step, new Date(until)));
    },

    /** Writes down what became of a member's turn. @returns false while it is open */
    noteTeamMember: ({ executionId, partId }: Of<{ partId: string }>): Promise<boolean> =>
      notePart(deps, executionId, partId),

    /** The time of a step is over. */
    async endTeamStep({ executionId, step }: Of<{ step: number }>): Promise<void> {
      const turn = await loadOpen(database, executionId);
      if (turn !== null) await endStep(deps, turn.execution, step);
    },

    /** Asks for the summary, when there is something to sum up. @returns the turn of who was asked */
    async beginTeamSummary({ executionId, until }: Of<{ until: string }>): Promise<PartInput[]> {
      const turn = await loadOpen(database, executionId);
      return turn === null ? [] : inputsOf(database, await askForSummary(deps, turn, new Date(until)));
    },

    /** Ends the turn with what there is. Of one that was cancelled meanwhile nothing stays open, whenever that was. */
    async finishTeamTurn({ executionId }: Of): Promise<TeamTurnEnd> {
      const turn = await loadOpen(database, executionId);
      if (turn !== null) await finishTeam(deps, turn.execution);
      await cancelMembers(deps, executionId, 'user');
      return endOf(database, executionId);
    },

    /** The turn was cancelled, by its caller or by an operator: so are the turns of its members. */
    async cancelTeamTurn({ executionId }: Of): Promise<TeamTurnEnd> {
      const ended = await endTurn(database, executionId, { status: 'cancelled', at: clock.now() });
      await cancelMembers(deps, executionId, ended === null ? 'user' : 'owner');
      return endOf(database, executionId);
    },
  };
}

/** Cancels the open turns of the members of a turn that was cancelled; their agents hear of it. */
async function cancelMembers(deps: TeamTurnActivityDeps, executionId: string, reason: CancelReason): Promise<void> {
  const turn = await loadTeamTurn(deps.database, executionId);
  if (turn?.execution.status !== 'cancelled') return;
  for (const ended of await cancelParts(deps, turn.execution)) await followEnd(deps, ended, reason);
}

async function loadOpen(database: Database, executionId: string) {
  const turn = await loadTeamTurn(database, executionId);
  return turn === null || hasEnded(turn.execution.status) ? null : turn;
}

async function inputsOf(database: Database, ids: string[]): Promise<PartInput[]> {
  const inputs = await Promise.all(ids.map((id) => flowInputOf(database, id)));
  return inputs.filter((input) => input !== null);
}

async function endOf(database: Database, executionId: string): Promise<TeamTurnEnd> {
  const turn = await loadTeamTurn(database, executionId);
  return { status: turn?.execution.status ?? 'failed', nextId: turn?.session.turns[0] ?? null };
}

export type TeamTurnActivities = ReturnType<typeof createTeamTurnActivities>;
