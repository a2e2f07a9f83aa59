import { emptyPair, pairId, type PairGuard } from '../../domain/guards';
import { ofConversation } from '../schema/collections/guards';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** The guard document of two agents; an empty one where nothing was ever between them. */
export async function findPair(database: Database, one: string, other: string): Promise<PairGuard> {
  const _id = pairId(one, other);
  return (await database.guards.findOne<PairGuard>({ _id }, READ)) ?? emptyPair(_id);
}

/** True when it is a direct conversation in which the agent is one of the two. */
export async function isInDirect(database: Database, conversationId: string, agentId: string): Promise<boolean> {
  const pair = await database.guards.findOne(ofConversation(conversationId), { projection: { _id: 1 }, ...READ });
  return pair?._id.split(':').includes(agentId) === true;
}
