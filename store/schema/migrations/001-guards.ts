import type { Db } from 'mongodb';
import { renameCollection, type Migration } from './migration';

/**
 * From the first databases, which had no version: guard documents were called heads, and what leavers and members of
 * deleted groups lost was called flushing and flushed.
 */
export const guards: Migration = {
  number: 1,
  name: 'guards',
  needsStandstill: true,
  run: async (db, say) => {
    await renameCollection(db, 'heads', 'guards', say);
    await renameCollection(db, 'emailHeads', 'emailGuards', say);
    const isInboxIn = { _id: { $gte: 'inbox-in:', $lt: 'inbox-in;' } };
    await renameField(db, { collection: 'guards', from: 'flushing', to: 'writtenOff', where: isInboxIn }, say);
    // Whether an entry was counted already mattered while the backlog was a counter.
    await db
      .collection('guards')
      .updateMany({ writtenOff: { $type: 'array' } }, { $unset: { 'writtenOff.$[].isCounted': '' } });
    await renameField(db, { collection: 'groupDeletions', from: 'flushed', to: 'writtenOff' }, say);
    await renameField(db, { collection: 'envelopes', from: 'flushed', to: 'writtenOff' }, say);
    const requests = await db
      .collection('outbox')
      .updateMany({ kind: 'inbox.flush' }, { $set: { kind: 'inbox.written-off' } });
    if (requests.modifiedCount > 0) say(`outbox: ${requests.modifiedCount} requests to rewrite lost envelopes renamed`);
  },
};

interface Renaming {
  collection: string;
  from: string;
  to: string;
  where?: object;
}

async function renameField(
  db: Db,
  { collection, from, to, where = {} }: Renaming,
  say: (line: string) => void,
): Promise<void> {
  const filter = { ...where, [from]: { $exists: true } };
  const { modifiedCount } = await db.collection(collection).updateMany(filter, { $rename: { [from]: to } });
  if (modifiedCount > 0) say(`${collection}: ${from} is ${to} in ${modifiedCount} documents`);
}
