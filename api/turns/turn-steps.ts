import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import type { TurnFollower } from '../../store/gateway/follow';
import { handOverFrom, type HandOverDeps } from '../../store/gateway/hand-over';
import { settleReplies } from '../../store/gateway/replies';
import { settleTeamStarted, teamFlowInputOf } from '../../store/gateway/team-turns';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { GuestReply } from '../../store/sending/send-types';
import { type EndedTurn } from '../../store/gateway/turns';
import { flowInputOf, settleEnded, settleStarted } from '../../store/gateway/turn-outbox';

export interface TurnStepsDeps extends HandOverDeps {
  flows: Pick<Flows, 'startTurn' | 'signalTurn' | 'startTeamTurn' | 'signalTeamTurn'>;
  follower: TurnFollower;
  log: Logger;
}

/**
 * What a turn needs next, begun at once for latency only: its flow and the relay of the outbox make certain that it is
 * done, wherever this process dies (`workflows/turn.ts`, `delivery/turn-relay.ts`). Nothing here waits or throws.
 */
export function createTurnSteps(deps: TurnStepsDeps) {
  const { database, flows, follower, log } = deps;
  const defer = (event: string, work: Promise<unknown>): void =>
    void work.catch((error: unknown) => log.warn({ event, err: error }));

  async function handOn(nextId: string | null): Promise<void> {
    if (nextId !== null) follower.note(nextId);
    for (const failed of await handOverFrom(deps, nextId)) await announce(failed);
  }

  async function announce(ended: EndedTurn): Promise<void> {
    follower.note(ended.executionId);
    await handOn(ended.nextId);
    await flows.signalTurn(ended.executionId);
    await settleEnded(database, ended);
  }

  async function startFlow(executionId: string): Promise<void> {
    const input = await flowInputOf(database, executionId);
    if (input !== null) await flows.startTurn(input);
    await settleStarted(database, executionId);
  }

  async function startTeamFlow(executionId: string): Promise<void> {
    const input = await teamFlowInputOf(database, executionId);
    if (input !== null) await flows.startTeamTurn(input);
    await settleTeamStarted(database, executionId);
  }

  async function settle(guestId: string): Promise<void> {
    for (const { ended, executionId } of await settleReplies(database, guestId)) {
      if (executionId !== null) follower.note(executionId);
      if (ended !== null) await announce(ended);
    }
  }

  return {
    /** A turn was stored. */
    started: ({ _id: executionId, team }: GatewayExecution): void => {
      if (team !== undefined) return defer('flow.start_deferred', startTeamFlow(executionId));
      const handedOn = handOn(executionId);
      defer('turn.hand_over_deferred', handedOn);
      // Behind it, or the flow's first step would send the same message, and the two would meet at the agent's guard.
      const start = () => startFlow(executionId);
      defer('flow.start_deferred', handedOn.then(start, start));
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
