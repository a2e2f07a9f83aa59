import { AppError } from '../contract/errors';
import type { PauseMode } from '../domain/heads';
import type { Orders } from '../platform/bus';
import type { Clock } from '../platform/clock';
import type { Flows } from '../platform/flows';
import type { Logger } from '../platform/logger';
import type { Database } from '../store/database';
import { findReleaseRequest, settleReleaseRequest } from '../store/releases';
import { setPause } from '../store/transactions/set-pause';
import { tellOwnersOf } from '../store/watch/tell-owner';

export interface PausingDeps {
  database: Database;
  flows: Flows;
  orders: Orders;
  clock: Clock;
  log: Logger;
}

/** Whose pause it is. */
export interface PausedAgent {
  id: string;
  handle: string;
}

/**
 * Sets an owner's pause. When it resolves, every node obeys it.
 * @throws AppError AGENT_NOT_FOUND when the owner does not hold the agent any more; SERVICE_UNAVAILABLE
 */
export type Pausing = (agent: PausedAgent, mode: PauseMode, owner: { id: string }) => Promise<void>;

/**
 * Commit, then the order to every node that holds sockets of the agent, then the answer (dashboard.md §8.1); the release
 * is the flow's. Dying after the commit, nodes look by themselves within seconds, and the caller's repeat gives the order
 * again although it changes nothing: its 200 promises the same. A node that did not confirm is answered 503 for, and the
 * repeat asks it again.
 */
export function createPausing(deps: PausingDeps): Pausing {
  return async (agent, mode, owner) => {
    const change = await setPause(deps.database, agent.id, mode, deps.clock.now(), owner.id);
    if (change !== null) void tellOwnersOf(deps, [{ agentId: agent.id, scopes: ['pause', 'events'] }]);
    if (!(await deps.orders.give({ kind: 'recheck', agentId: agent.id }))) throw new AppError('SERVICE_UNAVAILABLE');
    if (change?.from === 'full') void startRelease(deps, agent);
    if (change?.to === 'full') void tellRepaused(deps, agent, change.epoch);
  };
}

/**
 * Has what a pause held back released, when its end asked for it. For latency only: the worker's relay starts the flow
 * if this does not get through. Never throws.
 */
export async function startRelease(
  { database, flows, log }: Pick<PausingDeps, 'database' | 'flows' | 'log'>,
  agent: PausedAgent,
): Promise<void> {
  try {
    const epoch = await findReleaseRequest(database, agent.id);
    if (epoch === null) return;
    await flows.startRelease(agent, epoch);
    await settleReleaseRequest(database, { agentId: agent.id, epoch });
  } catch (error) {
    log.warn({ event: 'flow.start_deferred', flow: 'inboxRelease', err: error });
  }
}

/** A run that does not hear of it finds the pause with its next look. */
async function tellRepaused({ flows, log }: PausingDeps, { id }: PausedAgent, epoch: number): Promise<void> {
  await flows.tellRepaused(id, epoch).catch((error: unknown) => {
    log.warn({ event: 'flow.not_told', flow: 'inboxRelease', err: error });
  });
}
