import type { Database } from './database';

/** Whether an agent is in a conversation now, was once, or never (the same as a conversation that does not exist). */
export type Participation = 'active' | 'former' | 'never';

/** What `agentId` is to the conversation. Both of a direct conversation stay in it for ever. */
export async function findParticipation(
  database: Database,
  agentId: string,
  conversationId: string,
): Promise<Participation> {
  const pair = await database.heads.findOne({ conversationId }, { projection: { _id: 1 }, maxTimeMS: 5_000 });
  return pair?._id.split(':').includes(agentId) === true ? 'active' : 'never';
}
