import type { Flows } from '../../platform/flows/flows';
import { settleTeamStarted, teamFlowInputOf } from '../../store/gateway/team-turns';
import { flowInputOf, settleStarted } from '../../store/gateway/turn-outbox';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';

/**
 * How long the turn of a chat may be without its flow. What a flow does at first, this process does too; what only a flow
 * does (time limits, silence) comes later. Of a turn that is answered by then the flow has nothing to do but to be there:
 * it costs one start that ends with its first step, without an activity or a signal. Less than the relay waits
 * (`delivery/relay.ts`), which starts what a process that died did not.
 */
const FLOW_AFTER_MS = 1_000;

export interface FlowStartsDeps {
  database: Database;
  flows: Pick<Flows, 'startTurn' | 'signalTurn' | 'startTeamTurn'>;
  /** Has something done that nobody waits for. */
  defer: (event: string, work: Promise<unknown>) => void;
  /** Aborted when this process ends: what is left is the relay's. */
  closing: AbortSignal;
}

/** Starts the flows of turns, and tells them that their turn has ended. */
export function createFlowStarts({ database, flows, defer, closing }: FlowStartsDeps) {
  /** Turns whose flow is started when they have ended, or after a moment. */
  const waiting = new Map<string, NodeJS.Timeout>();
  closing.addEventListener('abort', () => {
    for (const timer of waiting.values()) clearTimeout(timer);
    waiting.clear();
  });

  async function start(executionId: string): Promise<void> {
    const input = await flowInputOf(database, executionId);
    if (input !== null) await flows.startTurn(input);
    await settleStarted(database, executionId);
  }

  async function startTeams(executionId: string): Promise<void> {
    const input = await teamFlowInputOf(database, executionId);
    if (input !== null) await flows.startTeamTurn(input);
    await settleTeamStarted(database, executionId);
  }

  /** @returns false when the flow is not to be started here any more */
  function take(executionId: string): boolean {
    clearTimeout(waiting.get(executionId));
    return waiting.delete(executionId);
  }

  function startLater(executionId: string): void {
    const begin = (): void => {
      if (take(executionId)) defer('flow.start_deferred', start(executionId));
    };
    if (!closing.aborted) waiting.set(executionId, setTimeout(begin, FLOW_AFTER_MS));
  }

  return {
    /** Of a team: it asks the members. */
    startTeams: (executionId: string): void => defer('flow.start_deferred', startTeams(executionId)),
    /** @param handedOn settles when the message was sent: at once, the flow's first step and it would meet at the agent's guard */
    begin: ({ _id, channel, paymentId }: GatewayExecution, handedOn: Promise<unknown>): void => {
      const begin = () => start(_id);
      // A task is its flow's from the start (its tries, its end that is told), and so is what is paid for.
      if (channel === 'task' || paymentId !== undefined) defer('flow.start_deferred', handedOn.then(begin, begin));
      else startLater(_id);
    },
    /** The turn has ended, wherever it was started. */
    tell: (executionId: string): Promise<void> =>
      take(executionId) ? start(executionId) : flows.signalTurn(executionId),
  };
}
