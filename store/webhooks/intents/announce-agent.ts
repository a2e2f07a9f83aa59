import { inboxInId, takesIntents, type InboxInGuard } from '../../../domain/guards';
import type { Agent } from '../../schema/collections/agents';
import type { Database } from '../../schema/database';
import { within } from '../../schema/deadline';
import { intentFor } from '../../outbox/intent';

/** Webhooks that ask for new agents: system agents are few. */
const WEBHOOKS_READ_MAX = 100;
/** The new agent does not wait for it longer. */
const ANNOUNCE_MS_MAX = 2_000;

/**
 * Records `agent.created` for the system agents whose webhooks list it. After the commit that made the agent, and on
 * best effort (identity.md §4): a crash in between leaves it untold, and nothing of it touches the registration.
 */
export function announceAgent(database: Database, agent: Agent): Promise<void> {
  return within(ANNOUNCE_MS_MAX, announce(database, agent));
}

async function announce(database: Database, { handle, displayName, createdAt }: Agent): Promise<void> {
  const asking = await database.webhooks
    .find(
      { events: 'agent.created', active: true },
      { projection: { agentId: 1 }, limit: WEBHOOKS_READ_MAX, maxTimeMS: ANNOUNCE_MS_MAX },
    )
    .toArray();
  if (asking.length === 0) return;
  const ids = [...new Set(asking.map(({ agentId }) => inboxInId(agentId)))];
  const inboxes = await database.guards
    .find<InboxInGuard>({ _id: { $in: ids } }, { maxTimeMS: ANNOUNCE_MS_MAX })
    .toArray();
  const intents = inboxes.filter(takesIntents).map((inbox) => ({
    ...intentFor(inbox, createdAt),
    kind: 'agent.created' as const,
    handle,
    displayName,
  }));
  if (intents.length > 0) await database.outbox.insertMany(intents);
}
