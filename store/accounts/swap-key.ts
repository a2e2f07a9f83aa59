import type { ClientSession, Collection } from 'mongodb';
import { AppError } from '../../contract/errors';
import { senderGuardId, type SenderGuard } from '../../domain/guards';
import { recordAudit, type AuditActor } from '../schema/audit';
import type { Webhook } from '../schema/collections/webhooks';
import { withTransaction, type Database } from '../schema/database';
import { listWebhooksInForce } from '../webhooks/webhooks';
import { lockGuards } from './account-facts';
import { revokeClaim } from './set-claim';
import { endPause } from './set-pause';

export interface KeySwap {
  agentId: string;
  /** Of the new key. */
  apiKeyHash: string;
  actor: AuditActor;
  at: Date;
  /** The key that the caller was authenticated with: one that has been replaced meanwhile swaps nothing. */
  keyVersion?: number;
}

export interface SwappedKey {
  agentId: string;
  /** Of the new key: sockets that were opened with an older one have to go. */
  keyVersion: number;
}

export type KeySwapped = SwappedKey & {
  /** Whom to tell that the agent is not theirs any more; null = it had no owner. */
  exOwnerId: string | null;
  /** In force at the commit: the guard that makes webhooks was written, so none is made in between. */
  webhooks: Webhook[];
};

/**
 * Replaces the agent's key in one transaction (identity.md §12): from its commit on the old key gets 401 everywhere, and
 * sends that were authenticated with it find another version in the sender's guard. Both guards are written first because
 * sends compete for them. The owner's claim and pause end with it (dashboard.md §4.3). `also` runs in the same transaction (using up the pending row).
 *
 * Two at once: one after the other, each with its own key; with `keyVersion` the second is refused, as its key was
 * replaced. A crash leaves all of it or nothing; closing the old sockets is the caller's next step, and the flow's.
 * @throws AppError AGENT_NOT_FOUND deleted or unknown; with `keyVersion` UNAUTHORIZED or SUSPENDED instead
 */
export async function swapKey(
  database: Database,
  swap: KeySwap,
  also: (swapped: SwappedKey, session: ClientSession) => Promise<void> = () => Promise.resolve(),
): Promise<KeySwapped> {
  const { agentId, apiKeyHash, actor, at } = swap;
  return withTransaction(database, async (session) => {
    await lockGuards(database, agentId, session);
    const before = await nextVersion(database, agentId, session);
    refuse(before, swap.keyVersion);
    const swapped = { agentId, keyVersion: before.keyVersion + 1 };
    await database.agents.updateOne(
      { _id: agentId },
      { $set: { apiKeyHash, keyVersion: swapped.keyVersion, updatedAt: at } },
      { session },
    );
    await recordAudit(database, { actor, action: 'agent.key_rotated', targetId: agentId, at }, session);
    const exOwnerId = await revokeClaim(database, agentId, { reason: 'key_rotated', at }, session);
    if (before.pausedByOwner !== 'none') await endPause(database, { agentId, reason: 'key_rotated', at }, session);
    const webhooks = await listWebhooksInForce(database, agentId, session);
    await also(swapped, session);
    return { ...swapped, exOwnerId, webhooks };
  });
}

async function nextVersion(database: Database, agentId: string, session: ClientSession): Promise<SenderGuard> {
  // A guard's kind stands in its _id: this is the parse point of the union.
  const senders = database.guards as unknown as Collection<SenderGuard>;
  const before = await senders.findOneAndUpdate(
    { _id: senderGuardId(agentId) },
    { $inc: { keyVersion: 1, v: 1 } },
    { returnDocument: 'before', session },
  );
  if (before === null) throw new AppError('AGENT_NOT_FOUND');
  return before;
}

function refuse(before: SenderGuard, keyVersion: number | undefined): void {
  if (keyVersion === undefined) {
    if (before.status === 'deleted') throw new AppError('AGENT_NOT_FOUND');
    return;
  }
  if (before.status === 'deleted' || before.keyVersion !== keyVersion) throw new AppError('UNAUTHORIZED');
  if (before.status === 'suspended') throw new AppError('SUSPENDED', { reason: 'community_enforcement' });
}
