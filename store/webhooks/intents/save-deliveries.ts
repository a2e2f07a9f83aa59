import type { ClientSession } from 'mongodb';
import { exactly, type Delivery } from '../../schema/collections/deliveries';
import type { IntentRow } from '../../schema/collections/outbox';
import { withTransaction, type Database } from '../../schema/database';

/** An intent with what becomes of it; nothing when nobody is told. */
export interface Expansion {
  row: IntentRow;
  deliveries: Delivery[];
}

/**
 * Turns intents into their deliveries: these and the removal of the rows are one commit (webhooks.md G2). A crash
 * before it leaves the rows for the next round, one behind it has nothing left to do. Of two workers with the same rows
 * one commits; the other's removal conflicts, and its repeat finds them gone. The ids are functions of intent and webhook,
 * so not even an intent that is written twice makes a second delivery.
 * @returns what was new
 */
export function saveDeliveries(database: Database, expansions: Expansion[]): Promise<Delivery[]> {
  return withTransaction(database, async (session) => {
    const left = await stillThere(database, expansions, session);
    if (left.length === 0) return [];
    await database.outbox.deleteMany({ _id: { $in: left.map(({ row }) => row._id) } }, { session });
    const deliveries: Delivery[] = [];
    for (const delivery of left.flatMap((expansion) => expansion.deliveries)) {
      if (await isNews(database, delivery, session)) deliveries.push(delivery);
    }
    return insertNew(database, deliveries, session);
  });
}

/** A presence that was replaced since it was read is expanded from its new row. */
async function stillThere(database: Database, expansions: Expansion[], session: ClientSession): Promise<Expansion[]> {
  const rows = await database.outbox
    .find({ _id: { $in: expansions.map(({ row }) => row._id) } }, { projection: { version: 1 }, session })
    .toArray();
  // Of the union only presences have a version: this is its parse point.
  const versions = new Map(rows.map((row) => [row._id, (row as { version?: number }).version]));
  return expansions.filter(
    ({ row }) =>
      versions.has(row._id) && versions.get(row._id) === (row.kind === 'presence.update' ? row.version : undefined),
  );
}

/**
 * Of the presence of one subject a webhook needs only the newest: one that waits for its first attempt gives way to it.
 * The row of target and subject is one document, so expansions of it follow each other and see what the last one left.
 */
async function isNews(
  database: Database,
  { webhookId, subjectId, subjectVersion }: Delivery,
  session: ClientSession,
): Promise<boolean> {
  if (subjectId === undefined || subjectVersion === undefined) return true;
  const newest = await database.deliveries.findOne(
    { webhookId, subjectId: exactly(subjectId) },
    { sort: { subjectVersion: -1 }, projection: { subjectVersion: 1, status: 1 }, session },
  );
  if (newest === null) return true;
  if ((newest.subjectVersion ?? 0) >= subjectVersion) return false;
  if (newest.status === 'pending') await database.deliveries.deleteOne({ _id: newest._id }, { session });
  return true;
}

/** Of deliveries with fixed ids those that were not there yet. */
export async function insertNew(
  database: Database,
  deliveries: Delivery[],
  session: ClientSession,
): Promise<Delivery[]> {
  if (deliveries.length === 0) return [];
  const result = await database.deliveries.bulkWrite(
    deliveries.map(({ _id, ...rest }) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: rest }, upsert: true },
    })),
    { session },
  );
  return deliveries.filter((_, index) => index in result.upsertedIds);
}
