import { AppError } from '../../contract/errors';
import type { Orders } from '../../platform/bus';
import type { Clock } from '../../platform/clock';
import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { deleteAgent, settleAccountDeletion } from '../../store/accounts/delete-agent';
import { endOwnerFeed } from './end-owner-feed';
import { closeSockets } from './close-sockets';

export interface DeletionDeps {
  database: Database;
  flows: Flows;
  orders: Orders;
  clock: Clock;
  log: Logger;
}

/** Ends the caller's account. @throws AppError SYSTEM_AGENT_PROTECTED, UNAUTHORIZED, SUSPENDED */
export type DeleteAccount = (agent: Agent) => Promise<void>;

/**
 * Cut-over, then every socket closed on every node, then the answer; the rest is the flow's. Dying after the cut-over,
 * the worker's relay starts the flow, which closes the sockets; the caller's retry gets 401, as its key is dead.
 */
export function createDeleteAccount(deps: DeletionDeps): DeleteAccount {
  return async (agent) => {
    if (agent.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
    const deleted = await deleteAgent(deps.database, agent._id, deps.clock.now(), agent.keyVersion);
    void startFlow(deps, agent);
    const ended = { exOwnerId: deleted?.exOwnerId ?? null, agentId: agent._id, agentHandle: agent.handle };
    await Promise.all([
      closeSockets(deps, { agentId: agent._id, reason: 'Account deleted' }),
      endOwnerFeed(deps, { ...ended, reason: 'deleted' }),
    ]);
  };
}

/** For latency only: the worker's relay starts the flow if this does not get through. */
async function startFlow({ database, flows, log }: DeletionDeps, agent: Agent): Promise<void> {
  try {
    await flows.startAccountDeletion(agent._id, agent.handle);
    await settleAccountDeletion(database, agent._id);
    await flows.signalReleaseEnded(agent._id);
  } catch (error) {
    log.warn({ event: 'flow.start_deferred', flow: 'accountDeletion', err: error });
  }
}
