import type { ClientSession, Collection, UpdateFilter } from 'mongodb';
import { emptyPair, pairId, type PairHead } from '../../domain/heads';
import { withTransaction, type Database } from '../database';

/** Who does it to whom. */
export interface Relation {
  from: string;
  to: string;
  at: Date;
}

/**
 * Records that `from` blocks `to`. The row and the pair's head change in one transaction, and every send between the
 * two writes that head: a send racing the block is either committed before it or refused with BLOCKED.
 * Repeating it changes nothing; a crash leaves both or neither.
 */
export async function setBlock(database: Database, { from, to, at }: Relation): Promise<void> {
  await withTransaction(database, async (session) => {
    await changePair(database, from, to, session, { $addToSet: { blockedBy: from } });
    await database.blocks.updateOne(
      { _id: `${from}:${to}` },
      { $setOnInsert: { blockerId: from, blockedId: to, createdAt: at } },
      { upsert: true, session },
    );
  });
}

/** Takes the block back; one that does not exist is no error. */
export async function removeBlock(database: Database, { from, to }: Omit<Relation, 'at'>): Promise<void> {
  await withTransaction(database, async (session) => {
    await changePair(database, from, to, session, { $pull: { blockedBy: from } });
    await database.blocks.deleteOne({ _id: `${from}:${to}` }, { session });
  });
}

/** Adds `to` to the contact book of `from`: decides who passes `contacts_only`. Existing notes stay. */
export async function addContact(database: Database, { from, to, at }: Relation): Promise<void> {
  await withTransaction(database, async (session) => {
    await changePair(database, from, to, session, { $addToSet: { contactsOf: from } });
    await database.contacts.updateOne(
      { _id: `${from}:${to}` },
      { $setOnInsert: { ownerId: from, contactId: to, note: null, addedAt: at } },
      { upsert: true, session },
    );
  });
}

/** Removes `to` from the contact book of `from`. An established conversation stays established. */
export async function removeContact(database: Database, { from, to }: Omit<Relation, 'at'>): Promise<void> {
  await withTransaction(database, async (session) => {
    await changePair(database, from, to, session, { $pull: { contactsOf: from } });
    await database.contacts.deleteOne({ _id: `${from}:${to}` }, { session });
  });
}

/**
 * Writes the head that every send between the two writes too; creates it when the two never met. The first operation
 * of its transaction and without a read before it: so it competes with a stream of sends for one moment only.
 */
async function changePair(
  database: Database,
  one: string,
  other: string,
  session: ClientSession,
  change: UpdateFilter<PairHead>,
): Promise<void> {
  const _id = pairId(one, other);
  const { _id: _, v: _v, blockedBy: _b, contactsOf: _c, ...rest } = emptyPair(_id);
  // The head's kind stands in its _id: this is the parse point of the union.
  const pairs = database.heads as unknown as Collection<PairHead>;
  const $setOnInsert = { ...rest, ...('$addToSet' in change ? otherList(change) : { blockedBy: [], contactsOf: [] }) };
  if ('$pull' in change) await pairs.updateOne({ _id }, { ...change, $inc: { v: 1 } }, { session });
  else await pairs.updateOne({ _id }, { ...change, $inc: { v: 1 }, $setOnInsert }, { upsert: true, session });
}

/** An insert may not set the list that the same update adds to. */
function otherList(change: UpdateFilter<PairHead>): Partial<PairHead> {
  return change.$addToSet !== undefined && 'blockedBy' in change.$addToSet ? { contactsOf: [] } : { blockedBy: [] };
}
