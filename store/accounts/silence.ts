import type { ClientSession, Collection, UpdateFilter } from 'mongodb';
import { inboxInId, isSilenced, type InboxInGuard } from '../../domain/guards';
import { WEBHOOKS_MAX } from '../../contract/webhook-limits';
import { noteReleased } from '../webhooks/attempts/retry-requests';
import type { Database } from '../schema/database';
import { requestRelease } from '../webhooks/releases';

/** Status and pause of an agent as the writing end of an inbox knows them. */
export type InboxFacts = Partial<Pick<InboxInGuard, 'status' | 'pausedByOwner' | 'pauseEpoch'>>;

/**
 * Status or pause of an agent in its inbox, and what follows for its webhooks (webhooks.md §5, full pause and
 * suspension) and its sockets (dashboard.md §8.5). The guard moves its version, so every racing send is before or behind
 * it:
 *
 * - Silence begins: the inbox keeps the position of the first envelope that no webhook is told of, and the webhooks are
 *   held. Starting an attempt writes the webhook's document too, so none starts after this commit; what is due waits
 *   without using an attempt. A release that is under way ends: its next step finds the silence (`releaseStep`).
 * - Silence ends: the webhooks are let go, what is due is due at once, and the envelopes from that position on are told
 *   of by the release, whose flow is requested by a row of the outbox. Messages join its end until it is through.
 * - A full pause ends: the inbox keeps what sockets that were open are owed.
 *
 * A full pause within a suspension, or the other way round, is one silence. A crash leaves all of it or nothing.
 */
export async function writeInboxFacts(
  database: Database,
  agentId: string,
  facts: InboxFacts,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const before = await inboxes(database).findOneAndUpdate(
    { _id: inboxInId(agentId) },
    { $set: facts, $inc: { v: 1 } },
    { returnDocument: 'before', session },
  );
  if (before === null) return;
  const after = { ...before, ...facts };
  const isLeftFull = before.pausedByOwner === 'full' && after.pausedByOwner !== 'full';
  if (isLeftFull) await oweToSockets(database, agentId, after, at, session);
  const isNow = isSilenced(after);
  if (isNow && !isSilenced(before)) await beginSilence(database, agentId, before, session);
  if (!isNow && isSilenced(before)) await endSilence(database, agentId, before, at, session);
  const isReleasing = !isNow && (isLeftFull || isSilenced(before));
  if (isReleasing) await requestRelease(database, { agentId, epoch: after.pauseEpoch ?? 0, at }, session);
}

async function oweToSockets(
  database: Database,
  agentId: string,
  { pauseEpoch: epoch = 0, nextPosition }: InboxInGuard,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const release = { epoch, upTo: nextPosition - 1, at };
  await updateInbox(database, agentId, { $set: { release } }, session);
}

async function beginSilence(
  database: Database,
  agentId: string,
  { nextPosition, silentFrom = nextPosition, webhooks }: InboxInGuard,
  session: ClientSession,
): Promise<void> {
  await updateInbox(database, agentId, { $set: { silentFrom }, $unset: { releasing: '' } }, session);
  if (webhooks > 0) await database.webhooks.updateMany({ agentId }, { $set: { held: 'paused' } }, { session });
}

async function endSilence(
  database: Database,
  agentId: string,
  { nextPosition, silentFrom = nextPosition, webhooks, webhookVersion = 0 }: InboxInGuard,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const isNothingToTell = webhooks === 0 || silentFrom === nextPosition;
  await updateInbox(
    database,
    agentId,
    isNothingToTell ? { $unset: { silentFrom: '' } } : { $set: { releasing: { webhookVersion, at } } },
    session,
  );
  if (webhooks === 0) return;
  await database.webhooks.updateMany({ agentId }, { $set: { held: null } }, { session });
  const own = { projection: { _id: 1 as const }, limit: WEBHOOKS_MAX, session };
  const ids = await database.webhooks.find({ agentId }, own).toArray();
  const webhookIds = ids.map(({ _id }) => _id);
  await noteReleased(database, webhookIds, at, session);
}

/** In a transaction that has moved the guard's version already. */
async function updateInbox(
  database: Database,
  agentId: string,
  update: UpdateFilter<InboxInGuard>,
  session: ClientSession,
): Promise<void> {
  await inboxes(database).updateOne({ _id: inboxInId(agentId) }, update, { session });
}

/** A guard's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInGuard> =>
  database.guards as unknown as Collection<InboxInGuard>;
