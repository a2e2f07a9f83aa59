import { isHandle, normaliseHandle } from '../../contract/handles';
import { CLAIMS_LISTED_MAX, CLAIMS_REFUSED } from '../../contract/limits';
import type { Agent } from '../schema/collections/agents';
import type { ClaimRow } from '../schema/collections/owners';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { hitRateWindow, lookAtRateWindow } from '../schema/rate-windows';

export { claimAgent, releaseClaim, type ClaimOutcome } from './set-claim';

/** An agent as its owner's dashboard lists it. */
export interface ClaimedAgent {
  agent: Agent;
  claimedAt: Date;
}

/** The agent with this key as it stands: an owner's call is none of the agent's, so its state is not evaluated anew. */
export function findAgentByKey(database: Database, apiKeyHash: string): Promise<Agent | null> {
  return database.agents.findOne({ apiKeyHash, status: { $ne: 'deleted' } }, READ);
}

/** Who has claimed the agent, or null. */
export function findClaim(database: Database, agentId: string): Promise<ClaimRow | null> {
  return database.claims.findOne({ _id: agentId }, READ);
}

/**
 * The agent with this handle, as callers type it, if this owner has claimed it and it is not deleted. Null for everything
 * else: what is not yours and what does not exist are one answer (dashboard.md I6).
 */
export async function findClaimedAgent(database: Database, ownerId: string, typed: string): Promise<Agent | null> {
  const handle = normaliseHandle(typed);
  if (!isHandle(handle)) return null;
  const agent = await database.agents.findOne({ handle, status: { $ne: 'deleted' } }, READ);
  const claim = agent === null ? null : await database.claims.findOne({ _id: agent._id, ownerId }, READ);
  return claim === null ? null : agent;
}

/** The agents of an owner, newest claim first, at most a thousand; deleted ones left out. */
export async function listClaimed(database: Database, ownerId: string): Promise<ClaimedAgent[]> {
  const claims = await database.claims
    .find({ ownerId }, { ...READ, sort: { claimedAt: -1, _id: 1 }, limit: CLAIMS_LISTED_MAX })
    .toArray();
  const ids = claims.map(({ _id }) => _id);
  const rows = await database.agents.find({ _id: { $in: ids } }, { ...READ, limit: CLAIMS_LISTED_MAX }).toArray();
  const agents = new Map(rows.map((agent) => [agent._id, agent]));
  return claims.flatMap(({ _id, claimedAt }) => {
    const agent = agents.get(_id);
    return agent === undefined || agent.status === 'deleted' ? [] : [{ agent, claimedAt }];
  });
}

const REFUSED = 'claim_refused';

/** How long no claim of the agent is looked at, because too many were refused in this window; null = none were. */
export async function claimsHeldBack(database: Database, agentId: string): Promise<number | null> {
  const { hits, leftMs } = await lookAtRateWindow(database, REFUSED, agentId);
  return hits >= CLAIMS_REFUSED.limit ? leftMs : null;
}

/** Counts a refused claim, exactly however many come at once. @returns as `claimsHeldBack`, for this one */
export async function countRefusedClaim(database: Database, agentId: string): Promise<number | null> {
  const { allowed, retryAfterMs } = await hitRateWindow(database, REFUSED, agentId, CLAIMS_REFUSED);
  return allowed ? null : retryAfterMs;
}
