import type { ClientSession } from 'mongodb';
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
    await changePair(database, from, to, session, (pair) => ({ blockedBy: withMember(pair.blockedBy, from) }));
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
    await changePair(database, from, to, session, (pair) => ({ blockedBy: withoutMember(pair.blockedBy, from) }));
    await database.blocks.deleteOne({ _id: `${from}:${to}` }, { session });
  });
}

/** Adds `to` to the contact book of `from`: decides who passes `contacts_only`. Existing notes stay. */
export async function addContact(database: Database, { from, to, at }: Relation): Promise<void> {
  await withTransaction(database, async (session) => {
    await changePair(database, from, to, session, (pair) => ({ contactsOf: withMember(pair.contactsOf, from) }));
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
    await changePair(database, from, to, session, (pair) => ({ contactsOf: withoutMember(pair.contactsOf, from) }));
    await database.contacts.deleteOne({ _id: `${from}:${to}` }, { session });
  });
}

/** Writes the head that every send between the two writes too; creates it when the two never met. */
async function changePair(
  database: Database,
  one: string,
  other: string,
  session: ClientSession,
  change: (pair: PairHead) => Partial<PairHead>,
): Promise<void> {
  const _id = pairId(one, other);
  const pair = await database.heads.findOne<PairHead>({ _id }, { session });
  if (pair === null)
    await database.heads.insertOne({ ...emptyPair(_id), ...change(emptyPair(_id)), v: 1 }, { session });
  else await database.heads.updateOne({ _id }, { $set: change(pair), $inc: { v: 1 } }, { session });
}

const withMember = (members: string[], id: string): string[] => [...new Set([...members, id])].sort();
const withoutMember = (members: string[], id: string): string[] => members.filter((member) => member !== id);
