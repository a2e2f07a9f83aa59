import { inboxInId, type InboxInGuard } from '../../domain/guards';
import type { Envelope } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { recordMoves } from '../inbox/backlog';
import { notWrittenOff } from '../inbox/written-off';
import { daysBefore, type Step, type StepInput } from './step';

/** Inboxes that one step looks at, and rows that one statement moves. */
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
  const inboxes = await database.guards
    .find<InboxInGuard>(
      { _id: { $gt: cursor ?? INBOX_IN.from, $lt: INBOX_IN.to } },
      { projection: { _id: 1 }, sort: { _id: 1 }, limit: INBOXES, ...READ },
    )
    .toArray();
  let changed = 0;
  for (const { _id } of inboxes) {
    changed += await expireInbox(database, _id.slice(INBOX_IN.from.length), daysBefore(now, ttlDays));
  }
  return { cursor: inboxes.length < INBOXES ? null : (inboxes.at(-1)?._id ?? null), changed };
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
 * The oldest due rows leave `stored` by one conditional update each: what an ack takes meanwhile is the ack's. Rows that
 * the agent lost with a group are left to `settleWrittenOff`. A crash leaves whole rows; a repeat finds the rest.
 */
async function expireRows(database: Database, agentId: string, before: Date): Promise<number> {
  const inbox = await database.guards.findOne<Pick<InboxInGuard, '_id' | 'writtenOff'>>(
    { _id: inboxInId(agentId) },
    { projection: { writtenOff: 1 }, ...READ },
  );
  const rows = await database.envelopes
    .find<Pick<Envelope, '_id' | 'createdAt'>>(
      { recipientId: agentId, status: 'stored', ...notWrittenOff(inbox?.writtenOff) },
      { projection: { createdAt: 1 }, sort: { position: 1 }, limit: ROWS, hint: 'recipient_stored', ...READ },
    )
    .toArray();
  const young = rows.findIndex(({ createdAt }) => createdAt >= before);
  const due = young === -1 ? rows : rows.slice(0, young);
  if (due.length === 0) return 0;
  await database.envelopes.updateMany(
    { _id: { $in: due.map(({ _id }) => _id) }, status: 'stored' },
    { $set: { status: 'expired' } },
  );
  await recordMoves(database, [agentId]);
  return due.length;
}
