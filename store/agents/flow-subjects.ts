import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** What a flow about an agent is started with. */
export interface FlowSubject {
  id: string;
  handle: string;
  /** Of its pause; 0 = it was never paused. */
  pauseEpoch: number;
}

/** The agent in any state; null when there is none of this id. */
export async function findFlowSubject(database: Database, agentId: string): Promise<FlowSubject | null> {
  const agent = await database.agents.findOne<Pick<Agent, 'handle' | 'pauseEpoch'>>(
    { _id: agentId },
    { projection: { handle: 1, pauseEpoch: 1 }, ...READ },
  );
  return agent === null ? null : { id: agentId, handle: agent.handle, pauseEpoch: agent.pauseEpoch ?? 0 };
}
