import type { Filter } from 'mongodb';
import { inboxInId, inboxOutId, type Flushing, type InboxInHead, type InboxOutHead } from '../domain/heads';
import { pauseBeforeRetry } from './committer/conflicts';
import type { Envelope } from './collections/messages';
import { withTransaction, type Database } from './database';

/** Rows that one step rewrites: others wait behind a step for a few milliseconds only. */
const BATCH = 100;
/** After a step this many times as long as it took nothing is rewritten: sends have the database nearly to themselves. */
const REST = 4;

/** True when the backlog shows envelopes that the agent lost with a group. */
export function hasUncounted(inbox: Pick<InboxInHead, 'flushing'>): boolean {
  return inbox.flushing?.some(({ isCounted }) => !isCounted) ?? false;
}

/** What a reader of stored envelopes adds to its filter: those that count as delivered already are left out. */
export function notFlushed(flushing: Flushing[] | undefined): Filter<Envelope> {
  if (flushing === undefined || flushing.length === 0) return {};
  return {
    $nor: flushing.map(({ conversationId, beforePosition }) => ({
      conversationId,
      position: { $lt: beforePosition },
    })),
  };
}

/**
 * Steps `dequeued` by the number of envelopes that the agent lost with groups and that nobody counted yet. Each entry
 * is counted once: entry and counter change in one transaction that expects the version of the reading end, which acks
 * write too, so an ack is before the count or leaves these rows out. Nothing is rewritten before it is counted.
 * A crash leaves the entry uncounted; two at once: one commits, the other finds nothing left.
 */
export async function countFlushed(database: Database, agentId: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const out = await database.heads.findOne<InboxOutHead>({ _id: inboxOutId(agentId) }, { maxTimeMS: 5_000 });
    const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(agentId) }, { maxTimeMS: 5_000 });
    const entry = inbox?.flushing?.find(({ isCounted }) => !isCounted);
    if (out === null || inbox === null || entry === undefined) return;
    const rows = await database.envelopes.countDocuments(
      { ...rowsOf(agentId, entry), position: { $gte: countedBefore(inbox, entry), $lt: entry.beforePosition } },
      { hint: 'recipient_stored', maxTimeMS: 5_000 },
    );
    if (await writeCount(database, { agentId, entry, rows, version: out.v })) tries = 0;
    else await pauseBeforeRetry(tries);
  }
}

const rowsOf = (recipientId: string, { conversationId }: Flushing): Filter<Envelope> => ({
  recipientId,
  status: 'stored',
  conversationId,
});

/** Rows of an earlier stay that were counted and are not rewritten yet must not be counted again. */
function countedBefore(inbox: InboxInHead, entry: Flushing): number {
  const counted = (inbox.flushing ?? []).filter(
    ({ conversationId, isCounted }) => isCounted && conversationId === entry.conversationId,
  );
  return Math.max(0, ...counted.map(({ beforePosition }) => beforePosition));
}

async function writeCount(
  database: Database,
  step: { agentId: string; entry: Flushing; rows: number; version: number },
): Promise<boolean> {
  const { conversationId, beforePosition } = step.entry;
  return withTransaction(database, async (session) => {
    const out = await database.heads.updateOne(
      { _id: inboxOutId(step.agentId), v: step.version },
      { $inc: { dequeued: step.rows, v: 1 } },
      { session },
    );
    if (out.matchedCount === 0) return false;
    const inbox = await database.heads.updateOne(
      {
        _id: inboxInId(step.agentId),
        flushing: { $elemMatch: { conversationId, beforePosition, isCounted: false } },
      },
      { $set: { 'flushing.$.isCounted': true }, $inc: { v: 1 } },
      { session },
    );
    if (inbox.matchedCount === 0) throw new Error('a counted entry was counted again');
    return true;
  });
}

/**
 * Counts and rewrites everything that the agent lost with groups, in steps of 100 rows with rests between them, then forgets the entries.
 * May run any number of times and at several places at once: a row is rewritten once, counters are not touched here.
 * @param beat called after each step, for callers that must show life
 */
export async function flushInbox(
  database: Database,
  agentId: string,
  beat: () => void = () => undefined,
): Promise<void> {
  const asked = await database.outbox
    .find({ kind: 'inbox.flush', targetId: agentId }, { projection: { _id: 1 }, limit: 100, maxTimeMS: 5_000 })
    .toArray();
  await withRest(() => countFlushed(database, agentId));
  const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(agentId) }, { maxTimeMS: 5_000 });
  for (const entry of inbox?.flushing ?? []) {
    if (!entry.isCounted) continue;
    while (await withRest(() => rewriteStep(database, agentId, entry))) beat();
    const { conversationId, beforePosition } = entry;
    await database.heads.updateOne(
      { _id: inboxInId(agentId) },
      { $pull: { flushing: { conversationId, beforePosition } }, $inc: { v: 1 } },
    );
  }
  if (asked.length > 0) await database.outbox.deleteMany({ _id: { $in: asked.map(({ _id }) => _id) } });
}

/** Returns false when nothing is left to rewrite. */
async function rewriteStep(database: Database, agentId: string, entry: Flushing): Promise<boolean> {
  const rows = await database.envelopes
    .find(
      { ...rowsOf(agentId, entry), position: { $lt: entry.beforePosition } },
      { projection: { _id: 1 }, hint: 'recipient_stored', limit: BATCH, maxTimeMS: 5_000 },
    )
    .toArray();
  if (rows.length === 0) return false;
  await database.envelopes.updateMany(
    { _id: { $in: rows.map(({ _id }) => _id) }, status: 'stored' },
    { $set: { status: 'delivered', deliveredAt: entry.at, flushed: true } },
  );
  return true;
}

async function withRest<T>(step: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await step();
  await new Promise((resolve) => setTimeout(resolve, REST * (performance.now() - startedMs)));
  return result;
}
