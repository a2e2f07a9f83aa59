import { AppError } from '../contract/errors';
import { USER_AGENT_LENGTH_MAX } from '../contract/limits';
import { hashApiKey } from '../platform/ids';
import type { Logger } from '../platform/logger';
import type { Flows } from '../platform/flows';
import type { Orders } from '../platform/bus';
import { recordAuditOnce } from '../store/audit';
import {
  claimAgent,
  claimsHeldBack,
  countRefusedClaim,
  findAgentByKey,
  findClaim,
  releaseClaim,
  type ClaimedAgent,
} from '../store/claims';
import type { Agent } from '../store/collections/agents';
import type { Database } from '../store/database';
import { tellOwnersOf } from '../store/watch/tell-owner';
import { endWatch } from './end-watch';
import { startRelease } from './pausing';

export interface ClaimDeps {
  database: Database;
  log: Logger;
}

/** Who claims, and from where, as the agent's log tells its owner (dashboard.md §4.1). */
export interface Claimant {
  ownerId: string;
  clientIp: string;
  userAgent: string;
  at: Date;
}

/**
 * Claims the agent of an API key, or finds the caller's own claim. The key is hashed for the look-up and goes nowhere
 * else. @throws AppError INVALID_API_KEY, SYSTEM_AGENT_PROTECTED, TOO_MANY_CLAIMS, ALREADY_CLAIMED
 */
export async function claimByKey(
  deps: ClaimDeps,
  apiKey: string,
  claimant: Claimant,
): Promise<ClaimedAgent & { isNew: boolean }> {
  const { database } = deps;
  const apiKeyHash = hashApiKey(apiKey);
  const agent = await findAgentByKey(database, apiKeyHash);
  if (agent === null) throw new AppError('INVALID_API_KEY');
  if (agent.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
  const before = await findClaim(database, agent._id);
  if (before?.ownerId === claimant.ownerId) return { agent, claimedAt: before.claimedAt, isNew: false };
  if (before !== null) throw await refuseTaken(deps, agent, claimant);
  const heldBackMs = await claimsHeldBack(database, agent._id);
  if (heldBackMs !== null) throw tooMany(heldBackMs);
  const outcome = await claimAgent(database, { ...claimant, agentId: agent._id, apiKeyHash });
  if (outcome.kind === 'gone') throw new AppError('INVALID_API_KEY');
  if (outcome.kind === 'taken') throw await refuseTaken(deps, agent, claimant);
  return { agent, claimedAt: outcome.claim.claimedAt, isNew: outcome.kind === 'claimed' };
}

/** Counts the attempt and puts it on the agent's record: from where, and for the operators alone by whom. */
async function refuseTaken(deps: ClaimDeps, agent: Agent, claimant: Claimant): Promise<AppError> {
  const { database, log } = deps;
  const heldBackMs = await countRefusedClaim(database, agent._id);
  if (heldBackMs !== null) return tooMany(heldBackMs);
  await recordAuditOnce(database, {
    actor: { type: 'owner', id: claimant.ownerId },
    action: 'agent.claim_attempted',
    targetId: agent._id,
    metadata: { ip: claimant.clientIp, user_agent: shortUserAgent(claimant.userAgent) },
    at: claimant.at,
  }).catch((error: unknown) => log.error({ event: 'audit.lost', agentId: agent._id, err: error }));
  void tellOwnersOf(deps, [{ agentId: agent._id, scopes: ['events'] }]);
  return new AppError('ALREADY_CLAIMED');
}

const shortUserAgent = (text: string): string => text.trim().slice(0, USER_AGENT_LENGTH_MAX) || 'unknown';

function tooMany(retryAfterMs: number): AppError {
  return new AppError('TOO_MANY_CLAIMS', { retry_after_ms: retryAfterMs }, retryAfterMs);
}

/** Gives up an owner's claim. @throws AppError CLAIM_NOT_FOUND */
export type ReleaseAgent = (owner: { id: string }, agent: Pick<Agent, '_id' | 'handle'>, at: Date) => Promise<void>;

/**
 * Claim and pause end in one commit. Then the owner's dashboards show no more of the agent, the nodes look at its inbox at
 * once and what a full pause held back is let go; dying in between, nodes look by themselves within seconds and the worker's
 * relay starts the flow.
 */
export function createReleaseAgent(deps: ClaimDeps & { orders: Orders; flows: Flows }): ReleaseAgent {
  return async (owner, { _id: agentId, handle }, at) => {
    const unpaused = await releaseClaim(deps.database, { agentId, ownerId: owner.id, at });
    await endWatch(deps, { exOwnerId: owner.id, agentId, agentHandle: handle, reason: 'released' });
    if (unpaused === null) return;
    await deps.orders.give({ kind: 'recheck', agentId }).catch((error: unknown) => {
      deps.log.error({ event: 'order.not_given', agentId, err: error });
    });
    if (unpaused.from === 'full') void startRelease(deps, { id: agentId, handle });
  };
}
