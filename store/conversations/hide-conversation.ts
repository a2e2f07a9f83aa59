import type { ClientSession, Collection } from 'mongodb';
import { AppError } from '../../contract/errors';
import type { PairGuard } from '../../domain/guards';
import { ofConversation } from '../schema/collections/guards';
import { readStateId } from '../schema/collections/read-states';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { findParticipation, type ActivePlace } from './participation';

/**
 * Hides the conversation from `agentId` up to its newest message (messaging.md §11.4): those messages are gone for it,
 * and the list shows the conversation again with the next one. A send that races it is before the cut-off or after it:
 * a direct conversation's guard is written by both, a group's newest message is read in the same snapshot. Repeating it
 * moves the cut-off to now; a crash leaves all of it or nothing. With `caller` the commit proves that the agent's key is
 * the one of its call.
 * @throws AppError CONVERSATION_NOT_FOUND when the agent is not in it now
 */
export async function hideConversation(
  database: Database,
  agentId: string,
  conversationId: string,
  caller?: Caller,
): Promise<void> {
  await withTransactionOnBy(database, { id: readStateId(agentId, conversationId), caller }, async (session) => {
    await unlist(database, agentId, conversationId, session);
    const place = await findParticipation(database, agentId, conversationId, { session });
    if (place?.state !== 'active') throw new AppError('CONVERSATION_NOT_FOUND');
    await cutOff(database, agentId, place, session);
  });
}

/** The first write of the transaction, without a read before it: it competes with sends for one moment only. */
async function unlist(
  database: Database,
  agentId: string,
  conversationId: string,
  session: ClientSession,
): Promise<void> {
  // A guard's kind stands in its _id: this is the parse point of the union.
  const pairs = database.guards as unknown as Collection<PairGuard>;
  await pairs.updateOne(
    { ...ofConversation(conversationId), listedFor: agentId },
    { $pull: { listedFor: agentId }, $inc: { v: 1 } },
    { session },
  );
}

/** Everything received so far is settled; what the state said of an earlier stay in a group is gone. */
async function cutOff(
  database: Database,
  agentId: string,
  { conversationId, lastSeq, joinedSeq, received }: ActivePlace,
  session: ClientSession,
): Promise<void> {
  await database.readStates.updateOne(
    { _id: readStateId(agentId, conversationId) },
    {
      $set: { hiddenUpTo: lastSeq, joinedSeq, settled: received },
      $inc: { v: 1 },
      $setOnInsert: { agentId, conversationId },
    },
    { upsert: true, session },
  );
}
