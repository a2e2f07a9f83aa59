import type { EnforcementDecision } from '../../domain/enforcement';
import type { Agent } from '../schema/collections/agents';
import type { EnforcementTransition, KeptEnforcement } from '../schema/collections/enforcement';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { listTransitions, type Evidence } from './enforcement';
import { look } from './evaluate-enforcement';

/** Everything that operators can ask about one agent (social.md §6 G10). */
export interface EnforcementOverview {
  state: Pick<KeptEnforcement, 'isSticky' | 'since' | 'baseline'>;
  decision: EnforcementDecision;
  evidence: Evidence;
  /** Requests that no flow has heard of yet. */
  pending: number;
  history: EnforcementTransition[];
}

/** More are not counted. */
const PENDING_MAX = 1_000;

/** As it is now; null for an agent that does not exist. */
export async function viewEnforcement(
  database: Database,
  agentId: string,
  { now, page }: { now: Date; page: { limit: number; offset: number } },
): Promise<EnforcementOverview | null> {
  const [seen, pending, history] = await Promise.all([
    look(database, { agentId, now }),
    database.outbox.countDocuments(
      { targetId: agentId, kind: 'enforcement.requested' },
      { limit: PENDING_MAX, ...READ, hint: 'enforcement_target' },
    ),
    listTransitions(database, agentId, page),
  ]);
  return seen === null ? null : { ...seen, pending, history };
}

export type EnforcedAgent = Pick<Agent, '_id' | 'handle' | 'status' | 'statusSource' | 'updatedAt'>;

/** A page of restricted or suspended agents by handle, and how many there are. */
export async function listEnforced(
  database: Database,
  status: 'restricted' | 'suspended',
  page: { limit: number; offset: number },
): Promise<{ agents: EnforcedAgent[]; total: number }> {
  const [agents, total] = await Promise.all([
    database.agents
      .find(
        { status },
        {
          projection: { handle: 1, status: 1, statusSource: 1, updatedAt: 1 },
          sort: { handle: 1 },
          skip: page.offset,
          limit: page.limit,
          ...READ,
        },
      )
      .toArray(),
    database.agents.countDocuments({ status }, READ),
  ]);
  return { agents, total };
}
