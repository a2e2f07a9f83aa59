import { setMaxListeners } from 'node:events';
import type { CancelReason } from '../../contract/turn-frames';
import { failureAtDeadline, hasEnded } from '../../domain/turns';
import type { Clock } from '../../platform/clock';
import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import type { Caller } from '../../store/schema/prove-caller';
import { findOpenTurns, loadExecution, noteAccepted } from '../../store/gateway/executions';
import { createTurnFollower } from '../../store/gateway/follow';
import { findOpenTurnsOfLink } from '../../store/gateway/links';
import { tryAgain } from '../../store/gateway/tries';
import { detachTurn, endTurn, startTurn, type NewTurn } from '../../store/gateway/turns';
import type { GatewayEvent, GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { Committer } from '../../store/sending/committer';
import { loadAgentTurn } from '../../store/gateway/turn-events';
import { AppError } from '../../contract/errors';
import { turnCancelFrame } from '../../presenters/turn-cancel';
import type { Live } from '../realtime/broadcast/live';
import { followTurn } from './follow-turn';
import { createTurnSteps } from './turn-steps';

export interface TurnsDeps {
  database: Database;
  committer: Committer;
  live: Live;
  clock: Clock;
  flows: Pick<Flows, 'startTurn' | 'signalTurn' | 'startTeamTurn' | 'signalTeamTurn'>;
  log: Logger;
}

/** That an agent cannot answer. */
export interface AgentError {
  code: string;
  message: string;
  /** Trying again may help. */
  retryable?: boolean | null | undefined;
}

export type CancelOutcome = 'cancelled_while_queued' | 'terminated' | 'already_finished';

/** The turns of the chat gateway, as this process starts, follows and ends them. */
export interface Turns {
  /** Makes the turn durable and begins with it. @throws AppError SESSION_CLOSED, TURN_QUEUE_FULL */
  start(turn: NewTurn): Promise<GatewayExecution>;
  /** Begins with a turn that was made durable as part of something larger. */
  stored(execution: GatewayExecution): void;
  /** Fails an open turn whose time is over; one that was answered meanwhile stays so. */
  expire(execution: GatewayExecution): Promise<void>;
  /**
   * Events of a turn after the one of this number, as they come, whichever process writes them; null where there was none
   * for a while. Ends with the turn, or with the signal.
   */
  follow(executionId: string, after: number, signal: AbortSignal): AsyncGenerator<GatewayEvent | null>;
  /** The turn as it is when it has ended, or when the signal ends the waiting. */
  awaitEnd(execution: GatewayExecution, signal: AbortSignal): Promise<GatewayExecution>;
  /** The turn as it is now; an open one is looked at whether the agent has taken it. */
  load(execution: GatewayExecution): Promise<GatewayExecution>;
  cancel(executionId: string, reason: CancelReason): Promise<CancelOutcome>;
  /** The agent cannot answer; its key is proved by the commit. @throws AppError EXECUTION_NOT_FOUND, TURN_CLOSED, UNAUTHORIZED */
  failByAgent(agent: Caller, executionId: string, error: AgentError): Promise<void>;
  /** Events of the turn were written here. */
  changed(executionId: string): void;
  /** Cancels the turns of a session that takes no more. */
  cancelOpen(sessionId: string): Promise<void>;
  /** Cancels the turns that were started over a share link which is gone. */
  cancelOfLink(linkId: string): Promise<void>;
  /** A turn that waited has its slot now: its message is handed over. */
  hasSlot(executionId: string): void;
  /** Nobody waits for the turn any more: it stays open, and its session goes on. */
  detach(executionId: string): Promise<void>;
  /** True once this process ends: who waits is to go on elsewhere. */
  isClosing(): boolean;
  close(): Promise<void>;
}

function createClosing(): AbortController {
  const closing = new AbortController();
  // Everybody who waits listens.
  setMaxListeners(0, closing.signal);
  return closing;
}

/** @see createTurnSteps for what happens when this process dies */
export function createTurns(deps: TurnsDeps): Turns {
  const { database, committer, clock, live, log } = deps;
  const follower = createTurnFollower({ database, log });
  const closing = createClosing();
  const steps = createTurnSteps({ ...deps, follower, closing: closing.signal });
  const follow: Turns['follow'] = (executionId, after, signal) =>
    followTurn({ database, follower }, executionId, after, [signal, closing.signal]);
  const load: Turns['load'] = async (execution) =>
    noteAccepted(database, (await loadExecution(database, execution._id)) ?? execution);

  committer.onReplies(steps.replied);

  const ending = { database, clock, live, steps };
  const cancel: Turns['cancel'] = (executionId, reason) => cancelTurn(ending, executionId, reason);

  return {
    start: async (turn) => {
      const execution = await startTurn(database, turn);
      steps.started(execution, turn.session);
      return execution;
    },
    stored: (execution) => steps.started(execution),
    follow,
    awaitEnd: async (execution, signal) => {
      if (hasEnded(execution.status)) return execution;
      for await (const event of follow(execution._id, execution.lastEvent, signal)) if (event?.type === 'end') break;
      return load(execution);
    },
    load,
    cancel,
    failByAgent: async (agent, executionId, error) => {
      await loadAgentTurn(database, agent._id, executionId);
      if (error.retryable === true && (await tryAgain(database, executionId, clock.now(), agent))) {
        return follower.note(executionId);
      }
      const { code: agentCode, message } = error;
      if (!(await failTurn(ending, executionId, { code: 'agent_error', message, agentCode }, agent))) {
        throw new AppError('TURN_CLOSED');
      }
    },
    expire: async ({ _id, status }) => void (await failTurn(ending, _id, failureAtDeadline(status))),
    changed: (executionId) => follower.note(executionId),
    cancelOpen: (sessionId) => forEach(findOpenTurns(database, sessionId), (id) => cancel(id, 'session_closed')),
    cancelOfLink: (linkId) => forEach(findOpenTurnsOfLink(database, linkId), (id) => cancel(id, 'link_revoked')),
    hasSlot: (executionId) => steps.freed(executionId),
    detach: async (executionId) => steps.freed(await detachTurn(database, executionId, clock.now())),
    isClosing: () => closing.signal.aborted,
    close: () => {
      closing.abort();
      return follower.close();
    },
  };
}

/** In their order, or one would be handed over because the one before it has ended. */
async function forEach(turns: Promise<GatewayExecution[]>, work: (id: string) => Promise<unknown>): Promise<void> {
  for (const { _id } of await turns) await work(_id);
}

type Ending = Pick<TurnsDeps, 'database' | 'clock' | 'live'> & { steps: ReturnType<typeof createTurnSteps> };

async function cancelTurn(
  { database, clock, live, steps }: Ending,
  executionId: string,
  reason: CancelReason,
): Promise<CancelOutcome> {
  const before = await loadExecution(database, executionId);
  const ended = await endTurn(database, executionId, { status: 'cancelled', at: clock.now() });
  if (ended === null) return 'already_finished';
  steps.ended(ended, before?.team !== undefined);
  if (before !== null) sayCancelled(live, before, reason);
  return before?.messageId === null ? 'cancelled_while_queued' : 'terminated';
}

/** @returns false when it had ended before */
async function failTurn(
  { database, clock, steps }: Ending,
  executionId: string,
  error: GatewayExecution['error'],
  caller?: Caller,
): Promise<boolean> {
  const ended = await endTurn(database, executionId, { status: 'failed', error, at: clock.now() }, caller);
  if (ended !== null) steps.ended(ended);
  return ended !== null;
}

/** Only to sockets that know the gateway: all others see today's wire. One that does not hear it answers late. */
function sayCancelled(live: Live, { _id: id, agentId, messageId }: GatewayExecution, reason: CancelReason): void {
  if (messageId !== null) live.broadcast([agentId], turnCancelFrame(id, reason));
}
