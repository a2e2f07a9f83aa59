import { createHash } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import type { OperationalEvent } from '../../../contract/events';
import { ID_PREFIX } from '../../../contract/ids';
import { CLAIMS_LISTED_MAX } from '../../../contract/limits';
import { inboxInId, takesIntents, type InboxInGuard } from '../../../domain/guards';
import type { OperationalFacts } from '../../../domain/operational-event';
import { intentFor } from '../../outbox/intent';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';

/** Webhooks that are told of one event: an owner has few for this. */
const LISTENING_MAX = 100;

/** Something that happened to a webhook. */
export interface OperationalNews {
  /** Which: it is never told itself. */
  webhook: Pick<Webhook, '_id' | 'agentId'>;
  facts: OperationalFacts;
  /**
   * What makes it one event of its kind and webhook for ever, e.g. the delivery's id, or when the incident began: however
   * often it is announced, each of the others is told once.
   */
  key: string;
  at: Date;
}

/**
 * Has the other webhooks of the owner that list the event told of it (webhooks.md §11.8): part of the commit of the fact,
 * so that it is told if and only if it is so. They are those of the same agent and of all that its owner has claimed; of
 * an agent that nobody has claimed, its own. Nothing is written where nobody lists it. Like all events it is not told
 * in a full pause or suspension.
 *
 * Announced again, also at once by two: the row is one document per agent that is told, and once it was expanded the ids
 * of its deliveries are taken. Nobody is told of a delivery that tells of such events (`announceExhausted`), so two
 * webhooks that fail do not tell each other of it for ever.
 */
export async function announceOperational(
  database: Database,
  news: OperationalNews,
  session: ClientSession,
): Promise<void> {
  const listening = await findListening(database, news.webhook, news.facts.event, session);
  if (listening !== null) await tellListening(database, listening, news, session);
}

/** Who is told, as one commit sees it. */
export interface Listening {
  /** Of the agent whose webhook it is about. */
  handle: string;
  inboxes: InboxInGuard[];
}

/** Whom `announceOperational` tells of an event of this webhook, for several at once; null when nobody is. */
export async function findListening(
  database: Database,
  { _id: about, agentId }: OperationalNews['webhook'],
  event: OperationalEvent,
  session: ClientSession,
): Promise<Listening | null> {
  const listing = await database.webhooks
    .find(
      { agentId: { $in: await agentsOfSameOwner(database, agentId, session) }, events: event },
      { projection: { agentId: 1 }, limit: LISTENING_MAX, session },
    )
    .toArray();
  // Left out here, not there: a condition on `_id` would have some queries go by the index of all ids.
  const others = listing.filter(({ _id }) => _id !== about);
  if (others.length === 0) return null;
  const ids = [...new Set(others.map((one) => inboxInId(one.agentId)))];
  const inboxes = await database.guards
    .find<InboxInGuard>(
      { _id: { $in: ids } },
      { projection: { salt: 0, writtenOff: 0 }, limit: LISTENING_MAX, session },
    )
    .toArray();
  const agent = await database.agents.findOne({ _id: agentId }, { projection: { handle: 1 }, session });
  return agent === null ? null : { handle: agent.handle, inboxes: inboxes.filter(takesIntents) };
}

/** Writes the intents of one event, one for each agent that is told. */
export async function tellListening(
  database: Database,
  { handle, inboxes }: Listening,
  { webhook: { _id: about }, facts, key, at }: OperationalNews,
  session: ClientSession,
): Promise<void> {
  const kind = facts.event;
  for (const inbox of inboxes) {
    const { _id: _, ...intent } = intentFor(inbox, at);
    await database.outbox.updateOne(
      { _id: rowId(`${kind}|${about}|${key}|${intent.targetId}`) },
      { $setOnInsert: { ...intent, kind, about, handle, facts } },
      { upsert: true, session },
    );
  }
}

/** With the agent itself. */
async function agentsOfSameOwner(database: Database, agentId: string, session: ClientSession): Promise<string[]> {
  const claim = await database.claims.findOne({ _id: agentId }, { session });
  if (claim === null) return [agentId];
  const claims = await database.claims
    .find({ ownerId: claim.ownerId }, { projection: { _id: 1 }, limit: CLAIMS_LISTED_MAX, session })
    .toArray();
  return [agentId, ...claims.map(({ _id }) => _id)];
}

function rowId(name: string): string {
  return ID_PREFIX.outboxRow + createHash('sha256').update(`operational|${name}`).digest('hex').slice(0, 32);
}
