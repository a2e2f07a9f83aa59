import { inboxInId, takesMessageIntents, type InboxInGuard } from '../../domain/guards';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** True when webhooks tell an agent of its messages, whether it has a socket or not. */
export async function hasWebhooks(database: Database, agentId: string): Promise<boolean> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) }, READ);
  return inbox !== null && takesMessageIntents(inbox);
}
