import type { SignalDefinition } from '@temporalio/common';
import { FLOW_ACCEPT_MS } from '../../contract/limits';
import { paidTurnId, settlementAskedSignal } from '../../workflows/messages/paid-turn';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { turnChangedSignal, turnId, type TurnInput } from '../../workflows/messages/turn';
import { isGone, type FlowClient } from './flow-client';

/** The client's side of the flow of a turn of the chat gateway. */
export interface TurnFlows {
  /**
   * Starts the flow of a turn, which for one that is paid for is that of its payment; one that runs or ran is success.
   * @throws the client's error
   */
  startTurn(input: Omit<TurnInput, 'hasSearchAttributes'> & { paymentId?: string }): Promise<void>;
  /** Has the flow of a payment ask for it again; nothing where none runs. @throws the client's error */
  askSettlement(executionId: string): Promise<void>;
  /** Has the flow look at its turn; nothing where none runs. @throws the client's error */
  signalTurn(executionId: string): Promise<void>;
}

export function createTurnFlows(flows: FlowClient): TurnFlows {
  return {
    startTurn: async ({ paymentId, ...input }) => {
      await flows.assertReady();
      const turn = { ...input, hasSearchAttributes: true };
      if (paymentId === undefined) {
        return flows.startOnce('turn', {
          workflowId: turnId(input.executionId),
          taskQueue: TASK_QUEUES.gateway,
          args: [turn],
          staticSummary: `A user waits for @${input.agentHandle}`,
        });
      }
      return flows.startOnce('paidTurn', {
        workflowId: paidTurnId(input.executionId),
        taskQueue: TASK_QUEUES.gateway,
        args: [{ turn, paymentId }],
        staticSummary: `A user pays for a turn with @${input.agentHandle}`,
      });
    },
    signalTurn: (executionId) => signal(flows, turnId(executionId), turnChangedSignal),
    askSettlement: (executionId) => signal(flows, paidTurnId(executionId), settlementAskedSignal),
  };
}

async function signal(flows: FlowClient, workflowId: string, definition: SignalDefinition): Promise<void> {
  const handle = flows.client.workflow.getHandle(workflowId);
  await flows
    .within(FLOW_ACCEPT_MS, () => handle.signal(definition))
    .catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
}
