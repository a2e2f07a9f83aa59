import type { ClientSession } from 'mongodb';
import { senderGuardId, type PauseMode } from '../../domain/guards';
import { newOutboxId } from '../../platform/ids';
import { AppError } from '../../contract/errors';
import { recordAudit, SYSTEM_ACTOR, type AuditActor } from '../schema/audit';
import { withTransaction, type Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { lockGuards } from './account-facts';
import { writeInboxFacts } from './silence';

/** A change of an owner's pause that was committed. */
export interface PauseChange {
  agentId: string;
  from: PauseMode;
  to: PauseMode;
  /** Of the agent's pause since this change. */
  epoch: number;
}

/** What an owner asks for, or what ends a pause that nobody could lift any more. */
export interface NewPause {
  agentId: string;
  mode: PauseMode;
  actor: AuditActor;
  /** Only where no owner asked for it. */
  reason?: 'released' | 'key_rotated';
  at: Date;
}

/**
 * Sets the owner's pause (dashboard.md §8). The agent's row (authentication, sync), its `sender` guard (what it may send)
 * and its `inbox-in` guard (what reaches it), its webhooks, the event and the request for a release are one commit, so a
 * racing send is before it or sees it. Nodes learn of it by an order, which the caller gives after the commit.
 *
 * Two at once: one after the other, each as its own change; a mode that is there already changes nothing. A crash leaves
 * all of it or nothing; dying before the order, the owner's repeat gives it, and nodes look by themselves every 5 s.
 * @param ownerId whose claim it rests on; null: nobody's
 * @returns null when the agent had this mode already, or is gone
 * @throws AppError AGENT_NOT_FOUND when the owner does not hold the agent (any more)
 */
export async function setPause(
  database: Database,
  agentId: string,
  mode: PauseMode,
  at: Date,
  ownerId: string | null = null,
): Promise<PauseChange | null> {
  const now = await database.agents.findOne({ _id: agentId }, { projection: { pausedByOwner: 1 }, ...SAFE_READ });
  // Without this a repeat would move the guards, and sends that are under way would start over.
  if (now === null || now.pausedByOwner === mode) return null;
  return withTransaction(database, async (session) => {
    const actor = ownerId === null ? SYSTEM_ACTOR : { type: 'owner' as const, id: ownerId };
    const change = await writePause(database, { agentId, mode, actor, at }, session);
    if (ownerId !== null) await proveClaim(database, agentId, ownerId, session);
    return change;
  });
}

/**
 * Whoever ends the claim writes both guards too, so it is before this transaction, and seen here, or ends this pause.
 * Otherwise an owner could pause an agent at the moment of giving it up, and nobody could ever lift that.
 */
async function proveClaim(database: Database, agentId: string, ownerId: string, session: ClientSession): Promise<void> {
  const claim = await database.claims.findOne({ _id: agentId, ownerId }, { projection: { _id: 1 }, session });
  if (claim === null) throw new AppError('AGENT_NOT_FOUND');
}

/** The pause's part of a transaction; first in it, because sends compete for what it writes. */
export async function writePause(
  database: Database,
  { agentId, mode, actor, reason, at }: NewPause,
  session: ClientSession,
): Promise<PauseChange | null> {
  await lockGuards(database, agentId, session);
  const before = await database.agents.findOneAndUpdate(
    { _id: agentId, status: { $ne: 'deleted' }, pausedByOwner: { $ne: mode } },
    { $set: { pausedByOwner: mode, pauseChangedAt: at, updatedAt: at }, $inc: { pauseEpoch: 1 } },
    { returnDocument: 'before', session },
  );
  if (before === null) return null;
  const epoch = (before.pauseEpoch ?? 0) + 1;
  await writeInboxFacts(database, agentId, { pausedByOwner: mode, pauseEpoch: epoch }, at, session);
  await database.guards.updateOne(
    { _id: senderGuardId(agentId) },
    { $set: { pausedByOwner: mode }, $inc: { v: 1 } },
    { session },
  );
  const event =
    mode === 'none'
      ? { action: 'agent.unpaused' as const, metadata: reason === undefined ? {} : { reason } }
      : { action: 'agent.paused' as const, metadata: { mode } };
  await recordAudit(database, { actor, ...event, targetId: agentId, at }, session);
  if (mode === 'none') {
    const row = { _id: newOutboxId(), kind: 'turns.unpaused' as const, targetId: agentId, createdAt: at };
    await database.outbox.insertOne(row, { session });
  }
  return { agentId, from: before.pausedByOwner, to: mode, epoch };
}

/**
 * Ends a pause that nobody could lift any more, in the transaction that takes the agent from its owner (dashboard.md
 * §8.6). @returns null when there was none
 */
export function endPause(
  database: Database,
  { agentId, reason, at }: { agentId: string; reason: 'released' | 'key_rotated'; at: Date },
  session: ClientSession,
): Promise<PauseChange | null> {
  return writePause(database, { agentId, mode: 'none', actor: SYSTEM_ACTOR, reason, at }, session);
}
