import type { AuditAction } from '../../contract/audit-actions';
import { inboxInId } from '../../domain/guards';
import { agentActor, recordAudit } from '../schema/audit';
import type { SealedSecret, Webhook } from '../schema/collections/webhooks';
import type { Database } from '../schema/database';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';

export interface NewSecret {
  agentId: string;
  id: string;
  /** Sealed for this webhook. */
  secret: SealedSecret;
  /** How long the secret of now signs beside the new one; 0 = no longer. */
  overlapMs: number;
  /** Also while an earlier rotation's overlap is open: the secret before that one signs nothing more. */
  force: boolean;
  at: Date;
  /** The agent with the key of its call, which the commit proves; absent = it is no call of an agent. */
  caller?: Caller;
}

export type Rotation = { kind: 'rotated'; previousExpiresAt: Date | null } | { kind: 'unknown' | 'in_progress' };

/**
 * Makes `secret` the one that attempts are signed with (webhooks.md §11.3): the secret of now moves to the second place in
 * the same conditional update of the webhook, so no attempt sees neither or three. The event of it commits with it.
 *
 * Two at once: the second finds the overlap of the first and is refused, unless it is forced or the first left none.
 * Dies before the commit: nothing changed. Behind it: the new secret is in force and its caller has not seen it; a repeat
 * with the same `Idempotency-Key`, or with `force`, gives one that was seen. Receivers know the old one until its end.
 */
export function rotateSecret(database: Database, input: NewSecret): Promise<Rotation> {
  const { agentId, id, secret, overlapMs, force, at, caller } = input;
  const previousExpiresAt = overlapMs === 0 ? null : new Date(at.getTime() + overlapMs);
  const previousSecret =
    previousExpiresAt === null ? '$$REMOVE' : { secret: '$secret', expiresAt: { $literal: previousExpiresAt } };
  const isFree = force ? {} : { 'previousSecret.expiresAt': { $not: { $gt: at } } };
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const before = await database.webhooks.findOneAndUpdate(
      { _id: id, agentId, ...isFree },
      [{ $set: { previousSecret, secret: { $literal: secret } } }],
      { session },
    );
    if (before === null) {
      const webhook = await database.webhooks.findOne({ _id: id, agentId }, { session });
      return { kind: webhook === null ? 'unknown' : 'in_progress' };
    }
    const metadata = { webhook_id: id, overlap_seconds: overlapMs / 1_000, forced: force };
    await recordOf(database, 'webhook.secret_rotated', { agentId, metadata, at }, session);
    return { kind: 'rotated', previousExpiresAt };
  });
}

/**
 * Ends the overlap of a rotation: attempts that start from now on are signed with the newest secret only, and the one
 * before it is forgotten. Repeating it, or where no overlap is open, changes nothing.
 * @returns false when the agent has no such webhook
 */
export function revokePreviousSecret(
  database: Database,
  { agentId, id, at, caller }: Pick<NewSecret, 'agentId' | 'id' | 'at' | 'caller'>,
): Promise<boolean> {
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const before = await database.webhooks.findOneAndUpdate(
      { _id: id, agentId },
      { $unset: { previousSecret: '' } },
      { session },
    );
    if (before === null) return false;
    if (previousExpiry(before, at) === null) return true;
    await recordOf(database, 'webhook.secret_revoked', { agentId, metadata: { webhook_id: id }, at }, session);
    return true;
  });
}

/** Until when the secret before the last rotation signs, too; null when it does not at `now`. */
export function previousExpiry({ previousSecret }: Pick<Webhook, 'previousSecret'>, now: Date): Date | null {
  return previousSecret !== undefined && previousSecret.expiresAt > now ? previousSecret.expiresAt : null;
}

function recordOf(
  database: Database,
  action: AuditAction,
  { agentId, metadata, at }: { agentId: string; metadata: Record<string, unknown>; at: Date },
  session: Parameters<typeof recordAudit>[2],
): Promise<void> {
  return recordAudit(database, { actor: agentActor(agentId), action, targetId: agentId, metadata, at }, session);
}
