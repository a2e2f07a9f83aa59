import { AppError } from '../../contract/errors';
import type { PauseMode } from '../../domain/guards';
import type { Orders } from '../../platform/bus';
import type { Clock } from '../../platform/clock';
import { setPause } from '../../store/accounts/set-pause';
import { publishToOwnersOf } from '../../store/nodes/publish-to-owners';
import { startRelease, type PausedAgent, type StartReleaseDeps } from './start-release';

export interface PauseDeps extends StartReleaseDeps {
  orders: Orders;
  clock: Clock;
}

/**
 * Sets an owner's pause. When it resolves, every node obeys it.
 * @throws AppError AGENT_NOT_FOUND when the owner does not hold the agent any more; SERVICE_UNAVAILABLE
 */
export type PauseAgent = (agent: PausedAgent, mode: PauseMode, owner: { id: string }) => Promise<void>;

/**
 * Commit, then the order to every node that holds sockets of the agent, then the answer (dashboard.md §8.1); the release
 * is the flow's. Dying after the commit, nodes load the pause by themselves within seconds, and the caller's repeat gives the order
 * again although it changes nothing: its 200 promises the same. A node that did not confirm is answered 503 for, and the
 * repeat asks it again.
 */
export function createPauseAgent(deps: PauseDeps): PauseAgent {
  return async (agent, mode, owner) => {
    const change = await setPause(deps.database, agent.id, mode, deps.clock.now(), owner.id);
    if (change !== null) void publishToOwnersOf(deps, [{ agentId: agent.id, scopes: ['pause', 'events'] }]);
    if (!(await deps.orders.give({ kind: 'recheck', agentId: agent.id }))) throw new AppError('SERVICE_UNAVAILABLE');
    if (change?.from === 'full') void startRelease(deps, agent);
    if (change?.to === 'full') void signalRepaused(deps, agent, change.epoch);
  };
}

/** A run that does not hear of it finds the pause when it polls next. */
async function signalRepaused({ flows, log }: PauseDeps, { id }: PausedAgent, epoch: number): Promise<void> {
  await flows.signalRepaused(id, epoch).catch((error: unknown) => {
    log.warn({ event: 'flow.not_told', flow: 'inboxRelease', err: error });
  });
}
