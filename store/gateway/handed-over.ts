import type { ClientSession } from 'mongodb';
import type { GatewayExecution } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { inSlotsOf } from './agent-slots';

/** What says that a turn's message is with its agent. */
type HandedOver = Pick<Message, '_id' | 'conversationId' | 'seq' | 'createdAt'>;

/**
 * Records that the user's message is with the agent, in one transaction: a crash in between would leave a session that
 * does not know its conversation. Repeating it changes nothing.
 */
export function noteHandedOver(database: Database, execution: GatewayExecution, message: HandedOver): Promise<void> {
  // A fast agent's answer is settled at the same moment, and writes the same two rows.
  return inSlotsOf(database, execution.agentId, (transaction) =>
    noteHandedOverIn(database, execution, message, transaction),
  );
}

/** The same in a transaction: an answer may come before it was recorded, or after whoever was to record it has died. */
export async function noteHandedOverIn(
  database: Database,
  { _id, sessionId, tries, files = [] }: GatewayExecution,
  { _id: messageId, conversationId, seq, createdAt: at }: HandedOver,
  transaction: ClientSession,
): Promise<void> {
  const { modifiedCount } = await database.gatewayExecutions.updateOne(
    // Of the try that it was sent for: another one may have begun.
    { _id, messageId: null, ...(tries === undefined ? {} : { 'tries.attempt': tries.attempt }) },
    { $set: { messageId, place: { conversationId, seq }, handedOverAt: at } },
    { session: transaction },
  );
  if (modifiedCount === 0) return;
  await database.gatewaySessions.updateOne(
    { _id: sessionId },
    { $set: { conversationId }, $max: { lastMessageAt: at, activeAt: at }, $inc: { messageCount: 1 + files.length } },
    { session: transaction },
  );
}
