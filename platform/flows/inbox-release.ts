import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { FlowTypes } from '../../workflows/messages/flows';
import {
  endedSignal,
  releasedSignal,
  releaseId,
  releaseProgressQuery,
  repausedSignal,
  type ReleaseView,
} from '../../workflows/messages/inbox-release';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { isGone, type FlowClient } from './flow-client';

/** The client's side of the flow that releases what a pause held back. */
export interface ReleaseFlows {
  /**
   * Makes the agent's flow release, starting it when it does not run: one run per agent. May be repeated.
   * @param how a sweep starts it only where none runs
   * @throws FlowBehind; AppError SERVICE_UNAVAILABLE, or the client's error: whether the flow heard of it is then unknown
   */
  startRelease(agent: { id: string; handle: string }, epoch: number, how?: { isSweep: true }): Promise<void>;
  /** Signals a run that another full pause began at `epoch`; nothing where none runs. @throws the client's error */
  signalRepaused(agentId: string, epoch: number): Promise<void>;
  /** Signals a run that the account has lost its access; nothing where none runs. @throws the client's error */
  signalReleaseEnded(agentId: string): Promise<void>;
  /** How far the run of an agent is; null where none runs, or it has counted nothing yet. @throws the client's error */
  releaseProgress(agentId: string): Promise<ReleaseView | null>;
}

export function createReleaseFlows(flows: FlowClient): ReleaseFlows {
  const handleOf = (agentId: string) => flows.client.workflow.getHandle<FlowTypes['inboxRelease']>(releaseId(agentId));
  const unlessGone = async (work: () => Promise<void>): Promise<void> => {
    await flows.within(FLOW_ACCEPT_MS, work).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  };
  return {
    startRelease: async ({ id, handle }, epoch, how) => {
      await flows.assertReady();
      if (!(await flows.isToBeTold('inboxRelease', releaseId(id), how))) return;
      await flows.within(FLOW_ACCEPT_MS, () =>
        flows.client.workflow.signalWithStart<FlowTypes['inboxRelease'], [{ epoch: number }]>('inboxRelease', {
          workflowId: releaseId(id),
          // One that runs takes the signal; one that ended left nothing to do but what came since.
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          taskQueue: TASK_QUEUES.delivery,
          args: [{ agentId: id, handle, epoch, hasSearchAttributes: true }],
          signal: releasedSignal,
          signalArgs: [{ epoch }],
          staticSummary: `Release of what @${handle} did not get while paused`,
        }),
      );
    },
    signalRepaused: (agentId, epoch) => unlessGone(() => handleOf(agentId).signal(repausedSignal, { epoch })),
    signalReleaseEnded: (agentId) => unlessGone(() => handleOf(agentId).signal(endedSignal)),
    releaseProgress: async (agentId) => {
      const { status } = await handleOf(agentId).describe();
      return status.name === 'RUNNING' ? handleOf(agentId).query(releaseProgressQuery) : null;
    },
  };
}
