import { clientKey } from '../schema/client-keys';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { noteHandedOver } from './handed-over';
import { turnClientMsgId } from './replies';

/**
 * Notes that a turn's message is with its agent, where the message says so and the turn does not: an agent hears of the
 * message in the moment of its commit, and may speak of the turn before whoever handed it over has noted that, or though
 * that process has died. Repeating it, or doing it beside that process, changes nothing.
 * @returns whether there is such a message
 */
export async function noteIfSent(
  database: Database,
  { agentId, executionId }: { agentId: string; executionId: string },
): Promise<boolean> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId, agentId, messageId: null }, READ);
  // Whoever notes it may have been quicker.
  if (execution === null) return true;
  const key = clientKey(execution.guestId, turnClientMsgId(executionId, execution.tries?.attempt));
  const message = await database.messages.findOne(
    { clientKey: key },
    { projection: { conversationId: 1, seq: 1, createdAt: 1 }, ...READ },
  );
  if (message === null) return false;
  await noteHandedOver(database, execution, message);
  return true;
}
