import { relayDeletedWebhooks } from '../../delivery/deleted-webhooks-relay';
import { expandIntents } from '../../delivery/expand-intents';
import { releaseStep } from '../../delivery/release-parked';
import { createAgentReader } from '../../store/agents/agents';
import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Database } from '../../store/schema/database';
import { findReleasing } from '../../store/webhooks/releases';
import type { Parsed } from './agents';
import { rowDeps } from './relays';

/** The intents of one database, expanded by the test itself in place of a worker. */
export function intentWorker(database: Database) {
  const deps = {
    ...rowDeps(database),
    agents: createAgentReader(database),
    publicBaseUrl: 'http://chat.example.com',
  };
  const untilDone = async (): Promise<void> => {
    for (let isMore = true; isMore;) ({ isMore } = await expandIntents(deps));
    for (const agentId of await findReleasing(database, new Date(Date.now() + 60_000), 1_000)) {
      for (let isMore = true; isMore;) ({ isMore } = await releaseStep(deps, agentId));
    }
  };
  return {
    /** Rounds until nothing is left, by so many workers at once. */
    expandAll: async (workers = 1): Promise<void> => {
      await Promise.all(Array.from({ length: workers }, untilDone));
    },
    /** Works off what removals of webhooks left, as though it were `now`. */
    relayDeleted: (now: Date): Promise<void> => relayDeletedWebhooks(deps, now),
    /** Of an agent, in the order in which they are to be sent. */
    deliveriesOf: (agentId: string): Promise<Delivery[]> =>
      database.deliveries.find({ agentId }, { sort: { order: 1, webhookId: 1 } }).toArray(),
  };
}

/** What a receiver parses. */
export const bodyOf = (delivery: Delivery | undefined): Parsed => JSON.parse(delivery?.body ?? 'null');
