import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { createTeamTurnActivities, type TeamTurnActivities } from '../../activities/team-turn';
import { createTurnActivities, type TurnActivities } from '../../activities/turn';
import type { TeamMode } from '../../domain/team-turn';
import { createLogger } from '../../platform/logger';
import { newGatewayId, newId } from '../../platform/ids';
import { createAgentReader } from '../../store/agents/agents';
import { handOverFrom } from '../../store/gateway/hand-over';
import { ownerPrincipal } from '../../store/gateway/principals';
import { settleReplies } from '../../store/gateway/replies';
import { currentSession } from '../../store/gateway/sessions';
import { loadTeamTurn, teamFlowInputOf, type TeamExecution } from '../../store/gateway/team-turns';
import { endTurn, startTurn } from '../../store/gateway/turns';
import type { Agent } from '../../store/schema/collections/agents';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import { createCommitter } from '../../store/sending/committer';
import type { teamTurn } from '../../workflows/team-turn';
import { teamTurnChangedSignal, teamTurnId } from '../../workflows/messages/team-turn';
import { turnChangedSignal, turnId } from '../../workflows/messages/turn';
import { createTestAgents } from './agents';
import { openTestDatabase } from './database';
import type { SkippedTime } from './skipped-time';
import { use } from './use';
import { waitFor } from './wait';

export interface RigTeamTurn {
  id: string;
  flow: Awaited<ReturnType<typeof startFlow>>;
}

export type RigActivities = TurnActivities & TeamTurnActivities;

export interface TeamTurnOptions {
  mode?: TeamMode;
  rounds?: number;
  waitMs?: number;
  /** The place of the member that sums up; absent: nobody does. */
  summarizer?: number;
}

/** Turns of a team of three without api and worker: the real store and flows, on a server whose time is skipped. */
export interface TeamRig {
  /** The real ones, at the server's time. */
  activities: RigActivities;
  members: Agent[];
  ask(message: string, options?: TeamTurnOptions): Promise<RigTeamTurn>;
  /** The turns of members that were handed over so far, in that order. */
  parts(turn: RigTeamTurn): Promise<GatewayExecution[]>;
  /** Waits until so many members in all have got their message. */
  untilAsked(turn: RigTeamTurn, count: number): Promise<GatewayExecution[]>;
  /** The agent of this turn answers it; its flow hears of that. Unmarked: the message does not say which turn it answers. */
  answer(part: GatewayExecution | undefined, text: string, isMarked?: boolean): Promise<void>;
  /** The caller cancels it, and its flow is told, as the api does. */
  cancel(id: string): Promise<void>;
  stored(turn: RigTeamTurn): Promise<TeamExecution>;
  close(): Promise<void>;
}

const startFlow = (time: SkippedTime, input: Parameters<typeof teamTurn>[0]) =>
  time.start<typeof teamTurn>('teamTurn', teamTurnId(input.executionId), [input]);

/** Such a rig for the tests of the surrounding block, on the server that `useSkippedTime` gave it. */
export function useTeamRig(time: SkippedTime): TeamRig {
  return use(
    () => openTeamRig(time),
    (rig) => rig.close(),
  );
}

async function openTeamRig(time: SkippedTime): Promise<TeamRig> {
  const { database, drop } = await openTestDatabase();
  const log = createLogger('test', 'silent');
  let nowMs = Date.now();
  const atServerTime = async <T>(work: () => Promise<T>): Promise<T> => {
    nowMs = await time.nowMs();
    return work();
  };
  const clock = { now: () => new Date(nowMs) };
  const agents = createAgentReader(database);
  const committer = createCommitter({ database, agents, clock, log, limitRate: false, observe: () => undefined });
  const deps = { database, committer, clock, log };
  const real = { ...createTurnActivities(deps), ...createTeamTurnActivities(deps) };
  // The parse point of a map over all activities: each keeps its type.
  const activities = Object.fromEntries(
    Object.entries(real).map(([name, run]) => [
      name,
      (input: never) => atServerTime(() => (run as (input: never) => Promise<unknown>)(input)),
    ]),
  ) as unknown as RigActivities;
  const members = (await createTestAgents(database, 3)).map(({ agent }) => agent);
  const principal = ownerPrincipal({ id: newId('ownerSession'), displayName: null });
  const teamId = newGatewayId('team');
  const parts: TeamRig['parts'] = ({ id }) =>
    database.gatewayExecutions
      .find({ 'teamPart.executionId': id, messageId: { $ne: null } }, { sort: { queuedAt: 1, _id: 1 } })
      .toArray();
  return {
    activities,
    members,
    ask: (message, { mode = 'brainstorm', rounds = 1, waitMs = 180_000, summarizer } = {}) =>
      atServerTime(async () => {
        const now = clock.now();
        const session = await currentSession(database, principal, teamId, now, { kind: 'team' });
        const plan = members.map(({ _id, handle }) => ({ agentId: _id, name: handle, role: null, isOwned: true }));
        const deadlineAt = new Date(nowMs + waitMs);
        const { _id: id } = await startTurn(database, {
          session,
          channel: 'team',
          contactOf: null,
          message,
          wantsStream: false,
          hints: {},
          waitUntil: deadlineAt,
          deadlineAt,
          now,
          team: {
            name: 'Crew',
            mode,
            rounds,
            members: plan,
            summarizer: summarizer === undefined ? null : (plan[summarizer] ?? null),
            outcomes: [],
          },
        });
        const input = await teamFlowInputOf(database, id);
        if (input === null) throw new Error('a turn that was just stored is gone');
        return { id, flow: await startFlow(time, { ...input, hasSearchAttributes: false }) };
      }),
    parts,
    untilAsked: (turn, count) =>
      waitFor(
        async () => {
          const asked = await parts(turn);
          return asked.length >= count ? asked : null;
        },
        { describe: `${count} members that were asked` },
      ),
    answer: (part, text, isMarked = true) =>
      atServerTime(async () => {
        const agent = members.find(({ _id }) => _id === part?.agentId);
        if (part === undefined || agent === undefined) throw new Error('no such turn');
        const guest = await database.agents.findOne({ _id: part.guestId });
        await committer.send({
          sender: { id: agent._id, handle: agent.handle, isSystem: false, keyVersion: 1, isCached: false },
          to: guest?.handle ?? '',
          clientMsgId: randomUUID(),
          type: 'text',
          content: JSON.stringify({ text }),
          metadata: isMarked ? JSON.stringify({ gateway: { execution_id: part._id } }) : '{}',
          attachmentId: null,
        });
        for (const { ended } of await settleReplies(database, part.guestId)) {
          await handOverFrom(deps, ended?.nextId ?? null);
        }
        const flow = time.client.workflow.getHandle(turnId(part._id));
        await waitFor(() => flow.describe(), { describe: 'the flow of the member' });
        // A flow that starts behind the answer ends with its first step, and has nothing left to hear.
        await flow.signal(turnChangedSignal).catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
      }),
    cancel: (id) =>
      atServerTime(async () => {
        await endTurn(database, id, { status: 'cancelled', at: clock.now() });
        await time.client.workflow.getHandle(teamTurnId(id)).signal(teamTurnChangedSignal);
      }),
    stored: async ({ id }) => {
      const turn = await loadTeamTurn(database, id);
      if (turn === null) throw new Error('the turn is gone');
      return turn.execution;
    },
    close: async () => {
      await committer.idle();
      await drop();
    },
  };
}
