import type { CancelReason } from '../contract/turn-frames';
import { failureAtDeadline, hasEnded } from '../domain/turns';
import type { Logger } from '../platform/logger';
import { loadExecution, noteAccepted } from '../store/gateway/executions';
import { handOverFrom, type HandOverDeps } from '../store/gateway/hand-over';
import { nextLookOf, retryUntaken } from '../store/gateway/tries';
import type { Database } from '../store/schema/database';
import { detachTurn, endSilentTurn, endTurn, type EndedTurn, type TurnEnd } from '../store/gateway/turns';
import type { TurnView } from '../workflows/messages/turn';
import { followEnd } from './ended-turn';

export interface TurnActivityDeps extends HandOverDeps {
  log: Logger;
}

/** What the side effects of a turn have in common. */
function createSteps(deps: TurnActivityDeps) {
  const { database } = deps;

  const look = (executionId: string): Promise<TurnView> => lookAt(database, executionId);
  const follow = (ended: EndedTurn | null, reason: CancelReason): Promise<void> => followEnd(deps, ended, reason);

  async function end(executionId: string, how: TurnEnd, reason: CancelReason): Promise<TurnView> {
    await follow(await endTurn(database, executionId, how), reason);
    return look(executionId);
  }

  return { look, follow, end };
}

/** The side effects of a turn (gateway.md §11). Inputs and results hold ids and states only. */
export function createTurnActivities(deps: TurnActivityDeps) {
  const { database, clock } = deps;
  const { look, follow, end } = createSteps(deps);

  return {
    /**
     * Hands the user's message over when it is the turn's turn, again where a task's agent did not take it in time, and
     * ends the turn when its agent has been silent for too long: the flow comes here every minute. A second run changes
     * nothing.
     */
    async advanceTurn({ executionId }: { executionId: string }): Promise<TurnView> {
      const execution = await loadExecution(database, executionId);
      if (execution?.tries !== undefined) await retryUntaken(database, execution, clock.now());
      await handOverFrom(deps, executionId);
      const view = await look(executionId);
      if (view.status !== 'running') return view;
      const ended = await endSilentTurn(database, executionId, clock.now());
      await follow(ended, 'timeout');
      return ended === null ? view : look(executionId);
    },

    /**
     * The caller has stopped waiting: the next turn of the session goes on.
     * @returns false when the turn waits itself; it is detached when it is handed over
     */
    async detachTurn({ executionId }: { executionId: string }): Promise<boolean> {
      await handOverFrom(deps, await detachTurn(database, executionId, clock.now()));
      const { status, isHandedOver } = await look(executionId);
      return isHandedOver || hasEnded(status);
    },

    /** Ends the turn at its deadline; one that was answered meanwhile stays so. */
    async failTurn({ executionId }: { executionId: string }): Promise<TurnView> {
      const { status } = await look(executionId);
      return end(executionId, { status: 'failed', error: failureAtDeadline(status), at: clock.now() }, 'timeout');
    },

    /** An operator cancelled the flow. */
    cancelTurn: ({ executionId }: { executionId: string }): Promise<TurnView> =>
      end(executionId, { status: 'cancelled', at: clock.now() }, 'owner'),
  };
}

/** Where the turn stands now. */
async function lookAt(database: Database, executionId: string): Promise<TurnView> {
  const execution = await loadExecution(database, executionId);
  // One that is gone was removed long after its end.
  if (execution === null) return { status: 'failed', isHandedOver: false };
  const now = await noteAccepted(database, execution);
  const nextLook = nextLookOf(now);
  return {
    status: now.status,
    isHandedOver: now.messageId !== null,
    ...(nextLook === null ? {} : { nextLookAt: nextLook.getTime() }),
  };
}

export type TurnActivities = ReturnType<typeof createTurnActivities>;
