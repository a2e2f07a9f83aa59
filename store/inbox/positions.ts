import { envelopesOf } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Delivery positions of the agent's envelopes of these messages; ids that are not its own are left out. */
export async function findPositions(database: Database, agentId: string, messageIds: string[]): Promise<number[]> {
  const messages = await database.messages
    .find({ _id: { $in: messageIds } }, { projection: { conversationId: 1, seq: 1 }, ...READ })
    .toArray();
  const byConversation = new Map<string, number[]>();
  for (const { conversationId, seq } of messages) {
    byConversation.set(conversationId, [...(byConversation.get(conversationId) ?? []), seq]);
  }
  const positions: number[] = [];
  for (const [conversationId, seqs] of byConversation) {
    const rows = await database.envelopes
      .find(envelopesOf(agentId, conversationId, { $in: seqs }), { projection: { position: 1 }, ...READ })
      .toArray();
    positions.push(...rows.map((row) => row.position));
  }
  return positions;
}
