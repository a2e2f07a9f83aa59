import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { EnforcementTrigger } from '../../domain/enforcement';
import { enforcementId, evaluateSignal } from '../../workflows/messages/enforcement';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { FlowTypes } from '../../workflows/messages/flows';
import type { FlowClient } from './flow-client';

/** The client's side of the enforcement flow. */
export interface EnforcementFlows {
  /**
   * Makes the agent's flow evaluate, starting it when it does not run. Once this resolves, an evaluation that begins
   * after the call is certain. May be repeated.
   * @param how a sweep asks only where no flow runs
   * @throws FlowBehind; AppError SERVICE_UNAVAILABLE, or the client's error: whether the flow heard of it is then unknown
   */
  askForEvaluation(
    agent: { id: string; handle: string },
    trigger: EnforcementTrigger,
    how?: { isSweep: true },
  ): Promise<void>;
}

export function createEnforcementFlows(flows: FlowClient): EnforcementFlows {
  return {
    askForEvaluation: async ({ id, handle }, trigger, how) => {
      await flows.assertReady();
      if (!(await flows.isToBeTold('enforcement', enforcementId(id), how))) return;
      await flows.within(FLOW_ACCEPT_MS, () =>
        flows.client.workflow.signalWithStart<FlowTypes['enforcement'], [{ trigger: EnforcementTrigger }]>(
          'enforcement',
          {
            workflowId: enforcementId(id),
            // One that runs takes the signal; one that ended has nothing to wait for and starts anew.
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            taskQueue: TASK_QUEUES.accounts,
            args: [{ agentId: id, handle, hasSearchAttributes: true }],
            signal: evaluateSignal,
            signalArgs: [{ trigger }],
            staticSummary: `Enforcement of @${handle}`,
          },
        ),
      );
    },
  };
}
