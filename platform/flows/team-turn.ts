import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { FlowTypes } from '../../workflows/messages/flows';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { teamTurnChangedSignal, teamTurnId, type TeamTurnInput } from '../../workflows/messages/team-turn';
import { isGone, type FlowClient } from './flow-client';

/** The client's side of the flow of a team's turn. */
export interface TeamTurnFlows {
  /** Starts the flow of a team's turn; one that runs or ran is success. @throws the client's error */
  startTeamTurn(input: Omit<TeamTurnInput, 'hasSearchAttributes'>): Promise<void>;
  /** Has the flow look at its turn; nothing where none runs. @throws the client's error */
  signalTeamTurn(executionId: string): Promise<void>;
}

export function createTeamTurnFlows(flows: FlowClient): TeamTurnFlows {
  return {
    startTeamTurn: async (input) => {
      await flows.assertReady();
      await flows.startOnce('teamTurn', {
        workflowId: teamTurnId(input.executionId),
        taskQueue: TASK_QUEUES.gateway,
        args: [{ ...input, hasSearchAttributes: true }],
        staticSummary: `A user waits for the team ${input.teamId}`,
      });
    },
    signalTeamTurn: async (executionId) => {
      const handle = flows.client.workflow.getHandle<FlowTypes['teamTurn']>(teamTurnId(executionId));
      await flows
        .within(FLOW_ACCEPT_MS, () => handle.signal(teamTurnChangedSignal))
        .catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
    },
  };
}
