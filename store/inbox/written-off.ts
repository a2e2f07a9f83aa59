import { setTimeout as sleep } from 'node:timers/promises';
import type { Filter } from 'mongodb';
import { inboxInId, type WrittenOff, type InboxInGuard } from '../../domain/guards';
import type { Envelope } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Rows that one step rewrites: others wait behind a step for a few milliseconds only. */
const BATCH = 100;
/** After a step this many times as long as it took nothing is rewritten: sends have the database nearly to themselves. */
const REST = 4;

/** What a reader of stored envelopes adds to its filter: those that count as delivered already are left out. */
export function notWrittenOff(writtenOff: WrittenOff[] | undefined): Filter<Envelope> {
  if (writtenOff === undefined || writtenOff.length === 0) return {};
  return {
    $nor: writtenOff.map(({ conversationId, beforePosition }) => ({
      conversationId,
      position: { $lt: beforePosition },
    })),
  };
}

const rowsOf = (recipientId: string, { conversationId }: WrittenOff): Filter<Envelope> => ({
  recipientId,
  status: 'stored',
  conversationId,
});

/**
 * Rewrites everything that the agent lost with groups, in steps of 100 rows with rests between them, then forgets the
 * entries. May run any number of times and at several places at once: a row is rewritten once. The backlog does not
 * change by it: readers and counts leave these rows out since the commit that wrote the entry.
 * @param beat called after each step, for callers that must show life
 */
export async function settleWrittenOff(
  database: Database,
  agentId: string,
  beat: () => void = () => undefined,
): Promise<void> {
  const asked = await database.outbox
    .find({ kind: 'inbox.written-off', targetId: agentId }, { projection: { _id: 1 }, limit: 100, ...READ })
    .toArray();
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) }, READ);
  for (const entry of inbox?.writtenOff ?? []) {
    while (await withRest(() => rewriteStep(database, agentId, entry))) beat();
    const { conversationId, beforePosition } = entry;
    await database.guards.updateOne(
      { _id: inboxInId(agentId) },
      { $pull: { writtenOff: { conversationId, beforePosition } }, $inc: { v: 1 } },
    );
  }
  if (asked.length > 0) await database.outbox.deleteMany({ _id: { $in: asked.map(({ _id }) => _id) } });
}

/** Returns false when nothing is left to rewrite. */
async function rewriteStep(database: Database, agentId: string, entry: WrittenOff): Promise<boolean> {
  const rows = await database.envelopes
    .find(
      { ...rowsOf(agentId, entry), position: { $lt: entry.beforePosition } },
      { projection: { _id: 1 }, hint: 'recipient_stored', limit: BATCH, ...READ },
    )
    .toArray();
  if (rows.length === 0) return false;
  await database.envelopes.updateMany(
    { _id: { $in: rows.map(({ _id }) => _id) }, status: 'stored' },
    { $set: { status: 'delivered', deliveredAt: entry.at, writtenOff: true } },
  );
  return true;
}

async function withRest<T>(step: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await step();
  await sleep(REST * (performance.now() - startedMs));
  return result;
}
