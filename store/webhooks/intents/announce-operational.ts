import { createHash } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import { ID_PREFIX } from '../../../contract/ids';
import { inboxInId, takesIntents, type InboxInGuard } from '../../../domain/guards';
import type { OperationalFacts } from '../../../domain/operational-event';
import { intentFor } from '../../outbox/intent';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';

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
 * Has the other webhooks of the agent that list the event told of it (webhooks.md §11.8): part of the commit of the fact,
 * so that it is told if and only if it is so. Nothing is written where nobody lists it. Like all events it is not told
 * in a full pause or suspension.
 *
 * Announced again, also at once by two: the row is one document, and once it was expanded the ids of its deliveries are
 * taken. Nobody is told of a delivery that tells of such events (`announceExhausted`), so two webhooks that fail do not
 * tell each other of it for ever.
 */
export async function announceOperational(
  database: Database,
  { webhook, facts, key, at }: OperationalNews,
  session: ClientSession,
): Promise<void> {
  const { _id: about, agentId } = webhook;
  const kind = facts.event;
  const listening = await database.webhooks.findOne(
    { agentId, _id: { $ne: about }, events: kind },
    { projection: { _id: 1 }, session },
  );
  if (listening === null) return;
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) }, { session });
  if (inbox === null || !takesIntents(inbox)) return;
  const { _id: _, ...intent } = intentFor(inbox, at);
  await database.outbox.updateOne(
    { _id: rowId(`${kind}|${about}|${key}`) },
    { $setOnInsert: { ...intent, kind, about, facts } },
    { upsert: true, session },
  );
}

function rowId(name: string): string {
  return ID_PREFIX.outboxRow + createHash('sha256').update(`operational|${name}`).digest('hex').slice(0, 32);
}
