import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { inboxInId, senderGuardId } from '../../domain/guards';
import { recordAudit, SYSTEM_ACTOR, type AuditActor } from '../schema/audit';
import type { ClaimRow } from '../schema/collections/owners';
import { withTransaction, type Database } from '../schema/database';
import { endPause, type PauseChange } from './set-pause';

/**
 * Who watches an agent: its row in `claims`, and `ownerId` in both guards that sends write, so that a send's commit knows
 * whose dashboard to tell. All who change it write the guards first, with a version step: two at once follow each other,
 * and a racing send is before the change or sees it.
 */

const owner = (id: string): AuditActor => ({ type: 'owner', id });

/** What came of a claim. `gone`: the key is not the agent's any more. */
export type ClaimOutcome = { kind: 'claimed' | 'own'; claim: ClaimRow } | { kind: 'taken' } | { kind: 'gone' };

/**
 * Claims the agent that has this key now, with its event. Two owners at once: one claims, the other finds it taken. The
 * same owner twice: the second finds its own claim. Against a new key or a deletion: before it, and ended by it, or gone.
 * A crash leaves all of it or nothing.
 */
export async function claimAgent(
  database: Database,
  { agentId, apiKeyHash, ownerId, at }: { agentId: string; apiKeyHash: string; ownerId: string; at: Date },
): Promise<ClaimOutcome> {
  return withTransaction(database, async (session) => {
    await writeOwner(database, agentId, ownerId, session);
    const refusal = await refuseClaim(database, { agentId, apiKeyHash, ownerId }, session);
    if (refusal !== null) {
      // Nothing of this attempt stays.
      await session.abortTransaction();
      return refusal;
    }
    const claim: ClaimRow = { _id: agentId, ownerId, claimedAt: at };
    await database.claims.insertOne(claim, { session });
    await recordAudit(database, { actor: owner(ownerId), action: 'agent.claimed', targetId: agentId, at }, session);
    return { kind: 'claimed', claim };
  });
}

async function refuseClaim(
  database: Database,
  { agentId, apiKeyHash, ownerId }: { agentId: string; apiKeyHash: string; ownerId: string },
  session: ClientSession,
): Promise<ClaimOutcome | null> {
  const existing = await database.claims.findOne({ _id: agentId }, { session });
  if (existing !== null) return existing.ownerId === ownerId ? { kind: 'own', claim: existing } : { kind: 'taken' };
  const agent = await database.agents.findOne({ _id: agentId, apiKeyHash }, { session, projection: { _id: 1 } });
  return agent === null ? { kind: 'gone' } : null;
}

/**
 * Gives the agent up, with its event, and ends a pause. From the commit on no send tells this owner's dashboard.
 * @returns how the pause changed; null = there was none
 * @throws AppError CLAIM_NOT_FOUND when the owner does not hold it (any more)
 */
export async function releaseClaim(
  database: Database,
  { agentId, ownerId, at }: { agentId: string; ownerId: string; at: Date },
): Promise<PauseChange | null> {
  return withTransaction(database, async (session) => {
    await writeOwner(database, agentId, null, session);
    const { deletedCount } = await database.claims.deleteOne({ _id: agentId, ownerId }, { session });
    if (deletedCount === 0) throw new AppError('CLAIM_NOT_FOUND');
    await recordAudit(database, { actor: owner(ownerId), action: 'agent.released', targetId: agentId, at }, session);
    return endPause(database, { agentId, reason: 'released', at }, session);
  });
}

/**
 * Ends the claim on an agent within the transaction that takes it from its owner (dashboard.md §4.3): a new key, with an
 * event; the account's end, which has an event of its own. @returns whose it was; null = nobody's
 */
export async function revokeClaim(
  database: Database,
  agentId: string,
  { reason, at }: { reason: 'key_rotated' | 'deleted'; at: Date },
  session: ClientSession,
): Promise<string | null> {
  const claim = await database.claims.findOneAndDelete({ _id: agentId }, { session });
  if (claim === null) return null;
  await writeOwner(database, agentId, null, session);
  if (reason === 'key_rotated') {
    const metadata = { owner_id: claim.ownerId, reason };
    await recordAudit(
      database,
      { actor: SYSTEM_ACTOR, action: 'agent.claim_revoked', targetId: agentId, metadata, at },
      session,
    );
  }
  return claim.ownerId;
}

/** Both guards in one command, before anything else: a stream of sends cannot put it off. */
async function writeOwner(
  database: Database,
  agentId: string,
  ownerId: string | null,
  session: ClientSession,
): Promise<void> {
  const update = { $set: { ownerId }, $inc: { v: 1 } };
  await database.guards.bulkWrite(
    [senderGuardId(agentId), inboxInId(agentId)].map((_id) => ({ updateOne: { filter: { _id }, update } })),
    { session },
  );
}
