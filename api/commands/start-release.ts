import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import type { Database } from '../../store/schema/database';
import { findReleaseRequest, settleReleaseRequest } from '../../store/webhooks/releases';

export interface StartReleaseDeps {
  database: Database;
  flows: Flows;
  log: Logger;
}

/** Whose pause it is. */
export interface PausedAgent {
  id: string;
  handle: string;
}

/**
 * Has what a pause held back released, when its end asked for it. For latency only: the worker's relay starts the flow
 * if this does not get through. Never throws.
 */
export async function startRelease({ database, flows, log }: StartReleaseDeps, agent: PausedAgent): Promise<void> {
  try {
    const epoch = await findReleaseRequest(database, agent.id);
    if (epoch === null) return;
    await flows.startRelease(agent, epoch);
    await settleReleaseRequest(database, { agentId: agent.id, epoch });
  } catch (error) {
    log.warn({ event: 'flow.start_deferred', flow: 'inboxRelease', err: error });
  }
}
