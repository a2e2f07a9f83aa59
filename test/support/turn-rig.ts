import { randomUUID } from 'node:crypto';
import { createTurnActivities, type TurnActivities } from '../../activities/turn';
import { createLogger } from '../../platform/logger';
import { newId } from '../../platform/ids';
import { createAgentReader } from '../../store/agents/agents';
import { loadExecution } from '../../store/gateway/executions';
import { handOverFrom } from '../../store/gateway/hand-over';
import { settleReplies } from '../../store/gateway/replies';
import { ownerPrincipal } from '../../store/gateway/principals';
import { createSession } from '../../store/gateway/sessions';
import { takeTurnFrames } from '../../store/gateway/turn-events';
import { startTurn } from '../../store/gateway/turns';
import { flowInputOf } from '../../store/gateway/turn-outbox';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import { createCommitter } from '../../store/sending/committer';
import type { turn } from '../../workflows/turn';
import { turnChangedSignal, turnId, type TurnInput } from '../../workflows/messages/turn';
import { createTestAgent } from './agents';
import { openTestDatabase } from './database';
import type { SkippedTime } from './skipped-time';
import { use } from './use';

/** Waits as the contract has them: gateway.md §10. */
const WAIT_MS = 120_000;
const LIFE_MS = 900_000;

/** A turn and its flow. */
export interface RigTurn {
  execution: GatewayExecution;
  session: GatewaySession;
  flow: Awaited<ReturnType<typeof startFlow>>;
}

/** The gateway's turns without api and worker: the real store and the real flow, on a server whose time is skipped. */
export interface TurnRig {
  /** The real ones, at the server's time. */
  activities: TurnActivities;
  /** A user writes to an agent that is always the same, in a session of its own unless one is given. */
  ask(text: string, options?: { session?: GatewaySession; waitMs?: number }): Promise<RigTurn>;
  /** The agent confirms all that was handed to it. */
  take(): Promise<void>;
  /** The agent says that it is at work on the turn. */
  sign(turn: RigTurn): Promise<void>;
  /** The agent answers the oldest open turn of the session. `isTold`: the flow hears of it. */
  answer(turn: RigTurn, text: string, isTold: boolean): Promise<void>;
  /** What a flow of the turn that is started now is given. */
  inputOf(turn: RigTurn): Promise<TurnInput>;
  /** The turn as it is stored. */
  stored(turn: RigTurn): Promise<GatewayExecution>;
  /** What the agent was handed of the session, in its order. */
  handedOver(session: GatewaySession): Promise<string[]>;
  close(): Promise<void>;
}

const startFlow = (time: SkippedTime, input: Parameters<typeof turn>[0]) =>
  time.start<typeof turn>('turn', turnId(input.executionId), [input]);

/** Such a rig for the tests of the surrounding block, on the server that `useSkippedTime` gave it. */
export function useTurnRig(time: SkippedTime): TurnRig {
  return use(
    () => openTurnRig(time),
    (rig) => rig.close(),
  );
}

async function openTurnRig(time: SkippedTime): Promise<TurnRig> {
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
  const real = createTurnActivities(deps);
  const { agent } = await createTestAgent(database);
  const principal = ownerPrincipal({ id: newId('ownerSession'), displayName: null });
  const sender = { id: agent._id, handle: agent.handle, isSystem: false, keyVersion: 1, isCached: false };
  return {
    activities: {
      advanceTurn: (input) => atServerTime(() => real.advanceTurn(input)),
      detachTurn: (input) => atServerTime(() => real.detachTurn(input)),
      failTurn: (input) => atServerTime(() => real.failTurn(input)),
      cancelTurn: (input) => atServerTime(() => real.cancelTurn(input)),
    },
    ask: (message, { session: given, waitMs = WAIT_MS } = {}) =>
      atServerTime(async () => {
        const now = clock.now();
        const session = given ?? (await createSession(database, principal, agent._id, now));
        const times = { now, waitUntil: new Date(nowMs + waitMs), deadlineAt: new Date(nowMs + LIFE_MS) };
        const execution = await startTurn(database, {
          session,
          channel: 'chat',
          contactOf: null,
          message,
          wantsStream: false,
          hints: {},
          ...times,
        });
        const input = await flowInputOf(database, execution._id);
        if (input === null) throw new Error('a turn that was just stored is gone');
        return { execution, session, flow: await startFlow(time, { ...input, hasSearchAttributes: false }) };
      }),
    take: () =>
      atServerTime(async () => {
        await committer.ackThrough({ recipientId: agent._id, upTo: Number.MAX_SAFE_INTEGER });
      }),
    sign: ({ execution }) =>
      atServerTime(async () => {
        const place = { agentId: agent._id, executionId: execution._id };
        await takeTurnFrames(database, place, [{ type: 'progress', label: 'At work' }], clock.now());
      }),
    answer: ({ session, flow }, text, isTold) =>
      atServerTime(async () => {
        const said = { type: 'text', content: JSON.stringify({ text }), metadata: '{}', attachmentId: null } as const;
        await committer.send({ sender, to: session.guestHandle, clientMsgId: randomUUID(), ...said });
        for (const { ended } of await settleReplies(database, session.guestId)) {
          await handOverFrom(deps, ended?.nextId ?? null);
        }
        if (isTold) await flow.signal(turnChangedSignal);
      }),
    inputOf: async ({ execution }) => {
      const input = await flowInputOf(database, execution._id);
      if (input === null) throw new Error('the turn is gone');
      return { ...input, hasSearchAttributes: false };
    },
    stored: async ({ execution }) => {
      const found = await loadExecution(database, execution._id);
      if (found === null) throw new Error('the turn is gone');
      return found;
    },
    handedOver: async ({ guestId }) => {
      const found = await database.messages.find({ senderId: guestId }, { sort: { seq: 1 } }).toArray();
      return found.map(({ content }) => content);
    },
    close: async () => {
      await committer.idle();
      await drop();
    },
  };
}
