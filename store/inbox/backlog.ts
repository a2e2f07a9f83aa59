import type { Collection } from 'mongodb';
import { BACKLOG_WARNING } from '../../contract/limits';
import { inboxInId, inboxOutId, type InboxInGuard, type InboxOutGuard } from '../../domain/guards';
import { withTransaction, type Database } from '../schema/database';
import { READ, WRITE } from '../schema/reads';
import { notWrittenOff } from './written-off';

/**
 * How many envelopes of an agent are `stored`. The rows say it, through the index of stored rows, and nothing else does:
 * whoever takes rows out of `stored` writes no counter. A send compares `enqueued` − `dequeued`, where `dequeued` is what
 * a count once proved to have left `stored`: it only grows, so the difference is never too small, and far from the
 * limits it decides as it is. Near them `settleBacklog` counts the rows.
 *
 * Near the limits a count would be repeated with each send. So a settled inbox is marked (`isNear`), and whoever takes
 * rows out of `stored` afterwards steps its `moves` before it answers (`recordMoves`): as long as `moves` stands where
 * the count found it, the count is exact. A process that dies between the rows and the step leaves a count that is too
 * high until the next step; nobody was told of those rows.
 */

/** A backlog is counted when it may be this large: less than the warning by more than one batch of sends adds. */
export const NEAR = BACKLOG_WARNING - 2_000;

/** Envelopes that one batch may add to an inbox; so much before the hard limit it must be known exactly. */
export const BATCH_MARGIN = 2_000;

/** True when `enqueued` − `dequeued` is the number of stored rows, or too small to matter. */
export function isSettled(inbox: InboxInGuard, out: InboxOutGuard | null, near = NEAR): boolean {
  if (inbox.enqueued - (out?.dequeued ?? 0) < near) return true;
  if (out === null || (inbox.writtenOff ?? []).length > 0) return false;
  return out.isNear === true && out.countedMoves === (out.moves ?? 0);
}

/**
 * Counts the stored rows of the agent and returns the reading end of its inbox with that. `enqueued` and rows are of one
 * snapshot. The mark comes before the count: rows that leave after the count find it and step `moves`. Two at once, or a
 * crash: the higher count is kept, or none.
 */
export async function settleBacklog(database: Database, agentId: string): Promise<InboxOutGuard> {
  const outs = readingEnds(database);
  const _id = inboxOutId(agentId);
  await outs.updateOne({ _id, isNear: { $ne: true } }, { $set: { isNear: true }, $inc: { v: 1 } }, WRITE);
  const { out, enqueued, stored } = await countRows(database, agentId);
  const dequeued = Math.max(out.dequeued, enqueued - stored);
  const moves = out.moves ?? 0;
  const isNear = stored >= NEAR / 2;
  // A step since the snapshot makes this count old: whoever comes next counts again.
  await outs.updateOne(
    { _id, dequeued: { $lte: dequeued }, moves: moves === 0 ? { $not: { $gt: 0 } } : moves },
    { $set: { dequeued, countedMoves: moves, isNear }, $inc: { v: 1 } },
    WRITE,
  );
  return { ...out, dequeued: enqueued - stored, countedMoves: moves, isNear };
}

/**
 * Says of these agents that rows of theirs left `stored`, where a count could be old because of it. Called after the rows
 * were written and before anybody is answered; never inside the transaction that writes them, whose snapshot may not see
 * the mark of a count that has not seen these rows leave either.
 *
 * Marked inboxes are rare, so they are looked for first: a write, even one that finds nothing, waits for the journal. A
 * mark that is set after this look is followed by a count that sees the rows.
 */
export async function recordMoves(database: Database, agentIds: string[]): Promise<void> {
  const outs = readingEnds(database);
  const filter = { _id: { $in: agentIds.map(inboxOutId) }, isNear: true };
  const marked = await outs.find(filter, { projection: { _id: 1 }, ...READ }).toArray();
  if (marked.length === 0) return;
  await outs.updateMany({ ...filter, _id: { $in: marked.map(({ _id }) => _id) } }, { $inc: { moves: 1, v: 1 } }, WRITE);
}

/** Envelopes of the agent in `stored`, by the index: its cost grows with the backlog, which is bounded, only. */
export async function countUndelivered(database: Database, agentId: string): Promise<number> {
  return (await countRows(database, agentId)).stored;
}

/** Both ends of an inbox and its stored rows as of one moment. */
function countRows(database: Database, agentId: string) {
  return withTransaction(database, async (session) => {
    const guards = await database.guards
      .find({ _id: { $in: [inboxInId(agentId), inboxOutId(agentId)] } }, { session, ...READ })
      .toArray();
    // The kind of a guard stands in its _id: these are the parse points of the union.
    const inbox = guards.find(({ _id }) => _id === inboxInId(agentId)) as InboxInGuard | undefined;
    const known = guards.find(({ _id }) => _id === inboxOutId(agentId)) as InboxOutGuard | undefined;
    const rows = { recipientId: agentId, status: 'stored' as const, ...notWrittenOff(inbox?.writtenOff) };
    const stored = await database.envelopes.countDocuments(rows, {
      session,
      hint: 'recipient_stored',
      ...READ,
    });
    const out: InboxOutGuard = known ?? { _id: inboxOutId(agentId), v: 0, dequeued: 0 };
    return { out, enqueued: inbox?.enqueued ?? 0, stored };
  });
}

/** The kind of a guard stands in its _id: this is the parse point of the union. */
const readingEnds = (database: Database) => database.guards as unknown as Collection<InboxOutGuard>;
