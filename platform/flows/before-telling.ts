import type { Client } from '@temporalio/client';
import { FLOW_ACCEPT_MS } from '../../contract/limits';
import { BoundedMap } from '../bounded-map';
import type { FlowTypes } from '../../workflows/messages/flows';
import type { Metrics } from '../metrics';
import { FlowBehind } from './flow-outage';

/** A task of a flow is taken at once where workers are well; later than this nobody polls for it, or its code fails. */
const BEHIND_MS = 20_000;
/** Tries of one task of a flow: a worker that dies costs one or two. */
const BEHIND_TRIES = 5;
/** Flows that were told something within this time are looked at first; longer than any pause of the relays. */
const LATELY_MS = 3_600_000;
const FLOWS_MAX = 20_000;

/**
 * Looks at a flow before it is told something. What a sweep has to say, one that runs knows already.
 * @returns whether it is to be told
 * @throws FlowBehind when it has not taken up what it was told before; the client's error
 */
export type IsToBeTold = (flow: keyof FlowTypes, workflowId: string, how?: { isSweep: true }) => Promise<boolean>;

interface Deps {
  client: Client;
  metrics: Pick<Metrics, 'flowStarts'>;
  within: <T>(ms: number, work: () => Promise<T>) => Promise<T>;
  /** gRPC NOT_FOUND. */
  isGone: (error: unknown) => boolean;
}

/**
 * A signal that is not taken up lengthens the history of its flow, and at the limit of Temporal nobody can tell it anything
 * more. A flow that this process has told nothing for an hour is not looked at: the first signal costs one call, not two.
 */
export function createBeforeTelling({ client, metrics, within, isGone }: Deps): IsToBeTold {
  const toldAtMs = new BoundedMap<string, number>(FLOWS_MAX);
  const isToldLately = (workflowId: string): boolean =>
    performance.now() - (toldAtMs.get(workflowId) ?? Number.NEGATIVE_INFINITY) < LATELY_MS;

  return async (flow, workflowId, how) => {
    if (how === undefined && !isToldLately(workflowId)) {
      toldAtMs.set(workflowId, performance.now());
      return true;
    }
    const state = await within(FLOW_ACCEPT_MS, () => stateOf(client, workflowId, isGone));
    toldAtMs.set(workflowId, performance.now());
    if (state === 'behind') {
      metrics.flowStarts.inc({ flow, outcome: 'behind' });
      throw new FlowBehind();
    }
    return how === undefined || state === 'ended';
  };
}

/** `ended` also when there never was one; `behind` while a task of it has been waiting, or failing, for too long. */
async function stateOf(
  client: Client,
  workflowId: string,
  isGone: Deps['isGone'],
): Promise<'ended' | 'running' | 'behind'> {
  const described = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch((error: unknown) => {
      if (isGone(error)) return null;
      throw error;
    });
  if (described?.status.name !== 'RUNNING') return 'ended';
  const task = described.raw.pendingWorkflowTask;
  if (task === null || task === undefined) return 'running';
  // Each try of a task is scheduled anew: of one whose code fails, the number of tries tells it.
  const scheduledAtMs = Number(task.scheduledTime?.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  const isLate = Date.now() - scheduledAtMs > BEHIND_MS;
  return isLate || Number(task.attempt) > BEHIND_TRIES ? 'behind' : 'running';
}
