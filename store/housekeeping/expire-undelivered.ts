import { inboxInId, inboxOutId, type InboxInHead, type InboxOutHead } from '../../domain/heads';
import type { Envelope } from '../collections/messages';
import { withTransaction, type Database } from '../database';
import { notFlushed } from '../flushing';
import { daysBefore, type Step, type StepInput } from './step';

/** Inboxes that one step looks at, and rows that one transaction moves. */
const INBOXES = 200;
const ROWS = 500;

/** `_id` of the writing ends of all inboxes, in order. */
const INBOX_IN = { from: inboxInId(''), to: 'inbox-in;' };

/**
 * Envelopes that were `stored` for longer than `ttlDays` become `expired` (messaging.md §15): out of sync, no part of
 * the backlog, still in history. Goes through all inboxes in the order of their ids; one without an old row costs one
 * look at its oldest. 0 days: nothing expires.
 */
export async function expireUndelivered(
  { database, ttlDays }: { database: Database; ttlDays: number },
  { cursor, now }: StepInput,
): Promise<Step> {
  if (ttlDays === 0) return { cursor: null, changed: 0 };
  const inboxes = await database.heads
    .find<InboxInHead>(
      { _id: { $gt: cursor ?? INBOX_IN.from, $lt: INBOX_IN.to } },
      { projection: { enqueued: 1 }, sort: { _id: 1 }, limit: INBOXES, maxTimeMS: 5_000 },
    )
    .toArray();
  let changed = 0;
  for (const agentId of await findHolders(database, inboxes)) {
    changed += await expireInbox(database, agentId, daysBefore(now, ttlDays));
  }
  return { cursor: inboxes.length < INBOXES ? null : (inboxes.at(-1)?._id ?? null), changed };
}

/** Agents that may hold stored envelopes. */
async function findHolders(database: Database, inboxes: InboxInHead[]): Promise<string[]> {
  const agentIds = inboxes.map(({ _id }) => _id.slice(INBOX_IN.from.length));
  const outs = await database.heads
    .find<InboxOutHead>({ _id: { $in: agentIds.map(inboxOutId) } }, { projection: { dequeued: 1 }, maxTimeMS: 5_000 })
    .toArray();
  const dequeued = new Map(outs.map((out) => [out._id, out.dequeued]));
  return agentIds.filter((agentId, index) => {
    const enqueued = inboxes[index]?.enqueued ?? 0;
    return enqueued > (dequeued.get(inboxOutId(agentId)) ?? 0);
  });
}

async function expireInbox(database: Database, agentId: string, before: Date): Promise<number> {
  let expired = 0;
  for (;;) {
    const moved = await expireRows(database, agentId, before);
    expired += moved;
    if (moved < ROWS) return expired;
  }
}

/**
 * The oldest due rows and the counter in one transaction; both are written by acks, too, so a row leaves `stored` once
 * and is counted once. Rows that the agent lost with a group are left to `flushInbox`, which counts them. A crash leaves
 * whole steps; a repeat finds the rest.
 */
async function expireRows(database: Database, agentId: string, before: Date): Promise<number> {
  return withTransaction(database, async (session) => {
    const inbox = await database.heads.findOne<InboxInHead>(
      { _id: inboxInId(agentId) },
      { projection: { flushing: 1 }, session },
    );
    const rows = await database.envelopes
      .find<Pick<Envelope, '_id' | 'createdAt'>>(
        { recipientId: agentId, status: 'stored', ...notFlushed(inbox?.flushing) },
        { projection: { createdAt: 1 }, sort: { position: 1 }, limit: ROWS, hint: 'recipient_stored', session },
      )
      .toArray();
    const young = rows.findIndex(({ createdAt }) => createdAt >= before);
    const due = young === -1 ? rows : rows.slice(0, young);
    if (due.length === 0) return 0;
    await database.heads.updateOne(
      { _id: inboxOutId(agentId) },
      { $inc: { dequeued: due.length, v: 1 } },
      { upsert: true, session },
    );
    await database.envelopes.updateMany(
      { _id: { $in: due.map(({ _id }) => _id) }, status: 'stored' },
      { $set: { status: 'expired' } },
      { session },
    );
    return due.length;
  });
}
