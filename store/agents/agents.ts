import DataLoader from 'dataloader';
import { BoundedMap } from '../../platform/bounded-map';
import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { within } from '../schema/deadline';
import { createTurns } from '../schema/turns';

/** What a message's context tells of its sender. */
export interface AgentCard {
  handle: string;
  displayName: string | null;
  isSystem: boolean;
}

/** Handles are retired for ever, so an id found once stays right; this many are remembered per process. */
const HANDLES_REMEMBERED_MAX = 100_000;

/** Agents that `findCachedByKeyHash` knows; a row is about 1 KiB. */
const AGENTS_REMEMBERED_MAX = 10_000;

/** Bounded on our side too: a database that takes calls and never answers must end in a 503, not in silence. */
const AUTHENTICATION_MS_MAX = 5_000;

/** Look-ups by key in flight at once: one that hangs must not hold up everybody behind it. */
const LOOK_UPS_MAX = 2;

/**
 * Reads of agents. Requests that wait for their turn share one look-up, which starts after the last of them came in.
 * Nothing that can change is answered from memory but `findCachedByKeyHash`, whose users prove it otherwise.
 */
export function createAgentReader(database: Database) {
  const turns = createTurns(LOOK_UPS_MAX);
  const cached = new BoundedMap<string, Agent>(AGENTS_REMEMBERED_MAX);
  const byKeyHash = new DataLoader<string, Agent | null>(
    async (hashes) => {
      const looking = database.agents
        .find({ apiKeyHash: { $in: [...hashes] } }, { maxTimeMS: AUTHENTICATION_MS_MAX })
        .toArray();
      const found = await within(AUTHENTICATION_MS_MAX, looking).finally(turns.end);
      const agents = new Map(found.map((agent) => [agent.apiKeyHash, agent]));
      for (const hash of hashes) {
        const agent = agents.get(hash);
        if (agent === undefined) cached.delete(hash);
        else cached.set(hash, agent);
      }
      return hashes.map((hash) => agents.get(hash) ?? null);
    },
    { cache: false, maxBatchSize: 256, batchScheduleFn: turns.take },
  );
  const idsByHandle = new BoundedMap<string, string>(HANDLES_REMEMBERED_MAX);

  return {
    /** The agent that this key hash belongs to now, or null. Never answered from a cache. */
    findByKeyHash: (hash: string): Promise<Agent | null> => byKeyHash.load(hash),
    /**
     * The agent that this key hash belonged to at its last look-up here. May be outdated in every field: only for a
     * caller whose write proves key version and status, as a send does.
     */
    findCachedByKeyHash: (hash: string): Agent | null => cached.get(hash) ?? null,
    findByHandle: (handle: string): Promise<Agent | null> => database.agents.findOne({ handle }, READ),
    findById: (id: string): Promise<Agent | null> => database.agents.findOne({ _id: id }, READ),

    /** Ids of those of `handles` that were ever registered, whatever their state now. */
    async resolveHandles(handles: string[]): Promise<Map<string, string>> {
      const missing = handles.filter((handle) => !idsByHandle.has(handle));
      if (missing.length > 0) {
        const rows = await database.agents
          .find({ handle: { $in: missing } }, { projection: { handle: 1 }, ...READ })
          .toArray();
        for (const row of rows) idsByHandle.set(row.handle, row._id);
      }
      return new Map(
        handles.flatMap((handle) => {
          const id = idsByHandle.get(handle);
          return id === undefined ? [] : [[handle, id] as const];
        }),
      );
    },

    /** Cards of the senders of a page of messages, by agent id. */
    async loadCards(ids: string[]): Promise<Map<string, AgentCard>> {
      const rows = await database.agents
        .find({ _id: { $in: [...new Set(ids)] } }, { projection: { handle: 1, displayName: 1, isSystem: 1 } })
        .toArray();
      return new Map(rows.map((row) => [row._id, row]));
    },
  };
}

export type AgentReader = ReturnType<typeof createAgentReader>;
