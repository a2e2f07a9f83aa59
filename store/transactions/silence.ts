import { createHash } from 'node:crypto';
import type { ClientSession, Collection } from 'mongodb';
import { ID_PREFIX } from '../../contract/ids';
import { inboxInId, isSilenced, type InboxInHead } from '../../domain/heads';
import { WEBHOOKS_MAX } from '../../contract/limits';
import { noteReleased } from '../attempts/trouble';
import type { ReleaseRow } from '../collections/outbox';
import type { Database } from '../database';
import { intentFor } from '../intents/intent';

/** Status and pause as the writing end of an inbox knows them. */
export type InboxFacts = Partial<Pick<InboxInHead, 'status' | 'pausedByOwner'>>;

/**
 * Status or pause of an agent in its inbox, and what follows for its webhooks (webhooks.md §5, full pause and
 * suspension). The head moves its version, so every racing send is before or behind it:
 *
 * - Silence begins: the inbox keeps the position of the first envelope that nobody is told of, and the webhooks are held.
 *   Starting an attempt writes the webhook's document too, so none starts after this commit; what is due waits without
 *   using an attempt.
 * - Silence ends: the webhooks are let go, what is due is due at once, and a row of the outbox has the envelopes of the
 *   meantime told of. Silence that begins again before that row is worked off takes it back: the next end goes on there.
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
  const isNow = isSilenced({ ...before, ...facts });
  if (isNow === isSilenced(before)) return;
  if (isNow) await beginSilence(database, agentId, before, session);
  else await endSilence(database, agentId, before, at, session);
}

async function beginSilence(
  database: Database,
  agentId: string,
  { nextPosition, webhooks }: InboxInHead,
  session: ClientSession,
): Promise<void> {
  const unfinished = await database.outbox.findOneAndDelete({ _id: releaseId(agentId) }, { session });
  const silentFrom = unfinished?.kind === 'webhooks.release' ? unfinished.afterPosition + 1 : nextPosition;
  await inboxes(database).updateOne({ _id: inboxInId(agentId) }, { $set: { silentFrom } }, { session });
  if (webhooks > 0) await database.webhooks.updateMany({ agentId }, { $set: { held: 'paused' } }, { session });
}

async function endSilence(
  database: Database,
  agentId: string,
  inbox: InboxInHead,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const { silentFrom = inbox.nextPosition, nextPosition, webhooks } = inbox;
  await inboxes(database).updateOne({ _id: inboxInId(agentId) }, { $unset: { silentFrom: '' } }, { session });
  if (webhooks === 0) return;
  await database.webhooks.updateMany({ agentId }, { $set: { held: null } }, { session });
  const own = { projection: { _id: 1 as const }, limit: WEBHOOKS_MAX, session };
  const ids = await database.webhooks.find({ agentId }, own).toArray();
  const webhookIds = ids.map(({ _id }) => _id);
  await noteReleased(database, webhookIds, at, session);
  if (silentFrom === nextPosition) return;
  const release: ReleaseRow = {
    ...intentFor(inbox, at),
    _id: releaseId(agentId),
    kind: 'webhooks.release',
    afterPosition: silentFrom - 1,
    upToPosition: nextPosition - 1,
  };
  await database.outbox.insertOne(release, { session });
}

/** One row per agent: a silence that begins finds what the last one left. */
function releaseId(agentId: string): string {
  return ID_PREFIX.outboxRow + createHash('sha256').update(`release|${agentId}`).digest('hex').slice(0, 32);
}

/** A head's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInHead> => database.heads as unknown as Collection<InboxInHead>;
