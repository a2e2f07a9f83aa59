import type { OwnerNote, FeedScope } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import { newBusNote } from './bus';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { findLeased } from './lease';

type Hint = Extract<OwnerNote, { kind: 'owner' }>;

/** Something of an agent changed, whoever its owner is. */
export interface AgentChange {
  agentId: string;
  scopes: FeedScope[];
  conversationId?: string;
}

/**
 * Tells the open dashboards of an owner, on whichever nodes they are, to read something of an agent again. From any
 * process, after the commit of what changed. A hint: what a crash or an outage loses is seen at the next reading.
 */
export async function publishToOwner(database: Database, hint: Omit<Hint, 'kind'>): Promise<void> {
  await publishToOwners(database, [{ kind: 'owner', ...hint }]);
}

/**
 * The same of changes whose agents' owners are not known yet; agents without one cost one look-up together. Never fails
 * its caller, who need not wait for it either.
 */
export async function publishToOwnersOf(
  { database, log }: { database: Database; log: Logger },
  changes: AgentChange[],
): Promise<void> {
  await hintsOf(database, changes)
    .then((hints) => publishToOwners(database, hints))
    .catch((error: unknown) => log.debug({ event: 'owners.not_told', err: error }));
}

/** Owners and their agents that are looked up together. */
const OWNERS_MAX = 1_000;
const AGENTS_MAX = 5_000;

/** Ids of the agents of these owners, of a bounded number of each. */
export async function findAgentsOf(database: Database, ownerIds: string[]): Promise<string[]> {
  const rows = await database.claims
    .find({ ownerId: { $in: ownerIds.slice(0, OWNERS_MAX) } }, { projection: { _id: 1 }, limit: AGENTS_MAX, ...READ })
    .toArray();
  return rows.map(({ _id }) => _id);
}

/** What to tell of these changes, for the agents among them that have an owner. */
export async function hintsOf(database: Database, changes: AgentChange[]): Promise<Hint[]> {
  const claims = await database.claims.find({ _id: { $in: changes.map(({ agentId }) => agentId) } }, READ).toArray();
  if (claims.length === 0) return [];
  const agents = await database.agents
    .find({ _id: { $in: claims.map(({ _id }) => _id) } }, { projection: { handle: 1 }, ...READ })
    .toArray();
  const owners = new Map(claims.map(({ _id, ownerId }) => [_id, ownerId]));
  const handles = new Map(agents.map(({ _id, handle }) => [_id, handle]));
  return changes.flatMap(({ agentId, ...change }): Hint[] => {
    const [ownerId, agentHandle] = [owners.get(agentId), handles.get(agentId)];
    return ownerId === undefined || agentHandle === undefined
      ? []
      : [{ kind: 'owner', ownerId, agentHandle, ...change }];
  });
}

async function publishToOwners(database: Database, notes: Hint[]): Promise<void> {
  for (const ownerId of new Set(notes.map((note) => note.ownerId))) {
    const nodeIds = await findLeased(database, await database.connections.distinct('nodeId', { agentId: ownerId }));
    if (nodeIds.length === 0) continue;
    const own = notes.filter((note) => note.ownerId === ownerId);
    await database.bus.insertMany(nodeIds.map((nodeId) => newBusNote(nodeId, 'owner', [ownerId], { notes: own })));
  }
}
