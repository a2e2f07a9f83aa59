import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { FlowTypes } from '../../workflows/messages/flows';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { turnChangedSignal, turnId, type TurnInput } from '../../workflows/messages/turn';
import { isGone, type FlowClient } from './flow-client';

/** The client's side of the flow of a turn of the chat gateway. */
export interface TurnFlows {
  /** Starts the flow of a turn; one that runs or ran is success. @throws the client's error */
  startTurn(input: Omit<TurnInput, 'hasSearchAttributes'>): Promise<void>;
  /** Has the flow look at its turn; nothing where none runs. @throws the client's error */
  signalTurn(executionId: string): Promise<void>;
}

export function createTurnFlows(flows: FlowClient): TurnFlows {
  return {
    startTurn: async (input) => {
      await flows.assertReady();
      await flows.startOnce('turn', {
        workflowId: turnId(input.executionId),
        taskQueue: TASK_QUEUES.gateway,
        args: [{ ...input, hasSearchAttributes: true }],
        staticSummary: `A user waits for @${input.agentHandle}`,
      });
    },
    signalTurn: async (executionId) => {
      const handle = flows.client.workflow.getHandle<FlowTypes['turn']>(turnId(executionId));
      await flows
        .within(FLOW_ACCEPT_MS, () => handle.signal(turnChangedSignal))
        .catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
    },
  };
}
