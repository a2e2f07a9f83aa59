import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** What of an account decides how it is treated, whatever its state. */
export type AgentFacts = Pick<Agent, '_id' | 'handle' | 'status' | 'keyVersion' | 'isSystem'>;

const projection = { handle: 1, status: 1, keyVersion: 1, isSystem: 1 } as const;

/** The facts of accounts, by id; an id that was never given is not there. */
export async function findFacts(database: Database, agentIds: string[]): Promise<Map<string, AgentFacts>> {
  const rows = await database.agents.find<AgentFacts>({ _id: { $in: agentIds } }, { projection, ...READ }).toArray();
  return new Map(rows.map((row) => [row._id, row]));
}

/** The facts of accounts by their handles; one that was never registered is not there. */
export function findFactsByHandle(database: Database, handles: string[]): Promise<AgentFacts[]> {
  return database.agents.find<AgentFacts>({ handle: { $in: handles } }, { projection, ...READ }).toArray();
}
