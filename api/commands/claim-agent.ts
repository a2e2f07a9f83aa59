import { AppError } from '../../contract/errors';
import { USER_AGENT_LENGTH_MAX } from '../../contract/limits';
import { hashApiKey } from '../../platform/ids';
import type { Logger } from '../../platform/logger';
import { recordAuditOnce } from '../../store/schema/audit';
import {
  claimAgent,
  claimsHeldBack,
  countRefusedClaim,
  findAgentByKey,
  findClaim,
  type ClaimedAgent,
} from '../../store/accounts/claims';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { publishToOwnersOf } from '../../store/nodes/publish-to-owners';

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
  void publishToOwnersOf(deps, [{ agentId: agent._id, scopes: ['events'] }]);
  return new AppError('ALREADY_CLAIMED');
}

const shortUserAgent = (text: string): string => text.trim().slice(0, USER_AGENT_LENGTH_MAX) || 'unknown';

function tooMany(retryAfterMs: number): AppError {
  return new AppError('TOO_MANY_CLAIMS', { retry_after_ms: retryAfterMs }, retryAfterMs);
}
