import type { ClientSession, Document } from 'mongodb';
import type { AuditAction } from '../../contract/audit-actions';
import { inboxInId } from '../../domain/guards';
import { newOutboxId } from '../../platform/ids';
import { callerActor, recordAudit } from '../schema/audit';
import type { SealedKeyPair, SealedSecret, Webhook } from '../schema/collections/webhooks';
import type { Database } from '../schema/database';
import { withTransactionOnBy, type Caller, type OwnerCaller } from '../schema/prove-caller';
import { announceOperational } from './intents/announce-operational';

/** What signs, and where what signed before it stands while an overlap is open. */
const PLACES = {
  secret: { previous: 'previousSecret', rotated: {}, what: 'secret' },
  keyPair: { previous: 'previousKeyPair', rotated: { what: 'key_pair' }, what: 'key_pair' },
} as const satisfies Record<string, { previous: keyof Webhook; rotated: object; what: string }>;

type Place = keyof typeof PLACES;

interface OwnWebhook {
  agentId: string;
  id: string;
  at: Date;
  /** The agent with the key of its call, or the owner with its claim, which the commit proves; absent = it is no call. */
  caller?: Caller | OwnerCaller;
}

interface NewSigner extends OwnWebhook {
  /** How long what signs now signs beside the new one; 0 = no longer. */
  overlapMs: number;
  /** Also while an earlier rotation's overlap is open: what signed before that one signs nothing more. */
  force: boolean;
}

export interface NewSecret extends NewSigner {
  /** Sealed for this webhook. */
  secret: SealedSecret;
}

export interface NewKeyPair extends NewSigner {
  /** Sealed for this webhook. */
  keyPair: SealedKeyPair;
}

export type Rotation = { kind: 'rotated'; previousExpiresAt: Date | null } | { kind: 'unknown' | 'in_progress' };

/**
 * Makes `secret` the one that attempts are signed with (webhooks.md §11.3): the secret of now moves to the second place in
 * the same conditional update of the webhook, so no attempt sees neither or three. The event of it commits with it, as does
 * the one that other webhooks of the owner are told (§11.8).
 *
 * Two at once: the second finds the overlap of the first and is refused, unless it is forced or the first left none.
 * Dies before the commit: nothing changed. Behind it: the new secret is in force and its caller has not seen it; a repeat
 * with the same `Idempotency-Key`, or with `force`, gives one that was seen. Receivers know the old one until its end.
 */
export async function rotateSecret(database: Database, { secret, ...input }: NewSecret): Promise<Rotation> {
  const rotation = await replace(database, input, 'secret', secret);
  return rotation.kind === 'absent' ? { kind: 'unknown' } : rotation;
}

/**
 * The same for the ed25519 pair of a webhook that has one: `absent` = it has none. Public keys can be read at any time, so
 * a caller that was not answered only has to look.
 */
export function rotateKeyPair(
  database: Database,
  { keyPair, ...input }: NewKeyPair,
): Promise<Rotation | { kind: 'absent' }> {
  return replace(database, input, 'keyPair', keyPair);
}

function replace(
  database: Database,
  { agentId, id, overlapMs, force, at, caller }: NewSigner,
  place: Place,
  next: SealedSecret | SealedKeyPair,
): Promise<Rotation | { kind: 'absent' }> {
  const { previous, rotated, what } = PLACES[place];
  const rotationId = newOutboxId();
  const previousExpiresAt = overlapMs === 0 ? null : new Date(at.getTime() + overlapMs);
  const kept =
    previousExpiresAt === null ? '$$REMOVE' : { [place]: `$${place}`, expiresAt: { $literal: previousExpiresAt } };
  const mayBeReplaced: Document = {
    [place]: { $exists: true },
    ...(force ? {} : { [`${previous}.expiresAt`]: { $not: { $gt: at } } }),
  };
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const before = await database.webhooks.findOneAndUpdate(
      { _id: id, agentId, ...mayBeReplaced },
      [{ $set: { [previous]: kept, [place]: { $literal: next } } }],
      { session },
    );
    if (before === null) {
      const webhook = await database.webhooks.findOne({ _id: id, agentId }, { session });
      if (webhook === null) return { kind: 'unknown' };
      return { kind: webhook[place] === undefined ? 'absent' : 'in_progress' };
    }
    const metadata = { webhook_id: id, overlap_seconds: overlapMs / 1_000, forced: force, ...rotated };
    await recordOf(database, 'webhook.secret_rotated', { agentId, metadata, at, caller }, session);
    const facts = { event: 'webhook.secret.rotated' as const, what, previousExpiresAt };
    const news = { webhook: { _id: id, agentId }, facts, key: rotationId, at };
    await announceOperational(database, news, session);
    return { kind: 'rotated', previousExpiresAt };
  });
}

/**
 * Ends the overlap of a rotation: attempts that start from now on are signed with the newest secret only, and the one
 * before it is forgotten. Repeating it, or where no overlap is open, changes nothing.
 * @returns false when the agent has no such webhook
 */
export function revokePreviousSecret(database: Database, webhook: OwnWebhook): Promise<boolean> {
  return revoke(database, webhook, 'secret');
}

/** The same for the ed25519 pair before the last rotation of it. */
export function revokePreviousKeyPair(database: Database, webhook: OwnWebhook): Promise<boolean> {
  return revoke(database, webhook, 'keyPair');
}

function revoke(database: Database, { agentId, id, at, caller }: OwnWebhook, place: Place): Promise<boolean> {
  const { previous, rotated } = PLACES[place];
  return withTransactionOnBy(database, { id: inboxInId(agentId), caller }, async (session) => {
    const $unset: Document = { [previous]: '' };
    const before = await database.webhooks.findOneAndUpdate({ _id: id, agentId }, { $unset }, { session });
    if (before === null) return false;
    if (overlapEnd(before[previous], at) === null) return true;
    const metadata = { webhook_id: id, ...rotated };
    await recordOf(database, 'webhook.secret_revoked', { agentId, metadata, at, caller }, session);
    return true;
  });
}

/** Until when the secret before the last rotation signs, too; null when it does not at `now`. */
export function previousExpiry({ previousSecret }: Pick<Webhook, 'previousSecret'>, now: Date): Date | null {
  return overlapEnd(previousSecret, now);
}

/** The same of the ed25519 pair before the last rotation of it. */
export function previousKeyExpiry({ previousKeyPair }: Pick<Webhook, 'previousKeyPair'>, now: Date): Date | null {
  return overlapEnd(previousKeyPair, now);
}

function overlapEnd(previous: { expiresAt: Date } | undefined, now: Date): Date | null {
  return previous !== undefined && previous.expiresAt > now ? previous.expiresAt : null;
}

function recordOf(
  database: Database,
  action: AuditAction,
  {
    agentId,
    metadata,
    at,
    caller,
  }: Pick<NewSecret, 'agentId' | 'at' | 'caller'> & { metadata: Record<string, unknown> },
  session: ClientSession,
): Promise<void> {
  const event = { actor: callerActor(agentId, caller), action, targetId: agentId, metadata, at };
  return recordAudit(database, event, session);
}
