import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import type { TurnFollower } from '../../store/gateway/follow';
import { handOverFrom, type HandOverDeps, type LoadedTurn } from '../../store/gateway/hand-over';
import { settleReplies } from '../../store/gateway/replies';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { GuestReply } from '../../store/sending/send-types';
import { type EndedTurn } from '../../store/gateway/turns';
import { settleEnded } from '../../store/gateway/turn-outbox';
import { createFlowStarts } from './flow-starts';

export interface TurnStepsDeps extends HandOverDeps {
  flows: Pick<Flows, 'startTurn' | 'signalTurn' | 'startTeamTurn' | 'signalTeamTurn'>;
  follower: TurnFollower;
  /** Aborted when this process ends. */
  closing: AbortSignal;
  log: Logger;
}

/**
 * What a turn needs next, begun at once for latency only: its flow and the relay of the outbox make certain that it is
 * done, wherever this process dies (`workflows/turn.ts`, `delivery/turn-relay.ts`). Nothing here waits or throws.
 */
export function createTurnSteps(deps: TurnStepsDeps) {
  const { database, flows, follower, closing, log } = deps;
  const defer = (event: string, work: Promise<unknown>): void =>
    void work.catch((error: unknown) => log.warn({ event, err: error }));
  const starts = createFlowStarts({ database, flows, defer, closing });

  async function handOn(nextId: string | null): Promise<void> {
    if (nextId !== null) follower.note(nextId);
    await announceAll(await handOverFrom(deps, nextId));
  }

  async function announceAll(failed: EndedTurn[]): Promise<void> {
    for (const ended of failed) await announce(ended);
  }

  async function announce(ended: EndedTurn): Promise<void> {
    follower.note(ended.executionId);
    await handOn(ended.nextId);
    await starts.tell(ended.executionId);
    await settleEnded(database, ended);
  }

  async function settle(guestId: string): Promise<void> {
    for (const { ended, executionId } of await settleReplies(database, guestId)) {
      if (executionId !== null) follower.note(executionId);
      if (ended !== null) await announce(ended);
    }
  }

  return {
    /** A turn was stored. @param session that of the turn, where it is known */
    started: (execution: GatewayExecution, session?: LoadedTurn['session']): void => {
      const { _id: executionId, team } = execution;
      if (team !== undefined) return starts.startTeams(executionId);
      const known = session === undefined ? undefined : { execution, session };
      const handedOn = handOverFrom(deps, executionId, known).then(announceAll);
      defer('turn.hand_over_deferred', handedOn);
      starts.begin(execution, handedOn);
    },
    /** A turn has ended. */
    ended: (ended: EndedTurn, isTeams = false): void => {
      defer('turn.end_deferred', announce(ended));
      // Of a team: its flow ends the turns of the members.
      if (isTeams) defer('turn.end_deferred', flows.signalTeamTurn(ended.executionId));
    },
    /** A turn is the first of its session from now on. */
    freed: (nextId: string | null): void => defer('turn.hand_over_deferred', handOn(nextId)),
    /** Agents have written to guests. */
    replied: (replies: GuestReply[]): void => {
      for (const guestId of new Set(replies.map((reply) => reply.guestId))) {
        defer('turn.reply_deferred', settle(guestId));
      }
    },
  };
}
