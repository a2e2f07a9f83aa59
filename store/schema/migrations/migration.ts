import { MongoServerError, type Db } from 'mongodb';
import { CannotStart } from '../../../platform/cannot-start';

/**
 * One step from a version of the database to the next. Forward only. It may be run again after a crash at any point,
 * also when it was through, and beside a second run of itself: each of its steps does nothing when it is done already.
 */
export interface Migration {
  number: number;
  name: string;
  /** True when processes of the version before must not run meanwhile, nor after it. */
  needsStandstill: boolean;
  /** @param say one line for each thing that was changed */
  run(db: Db, say: (line: string) => void): Promise<void>;
}

/** By which the server says that there is no such collection. */
const NAMESPACE_NOT_FOUND = 26;

/**
 * Gives a collection another name; its documents, indexes and validator stay. Does nothing when it is done already. An
 * empty collection of the new name, as a process of the new version may have made it too early, makes way.
 * @throws CannotStart when both hold documents
 */
export async function renameCollection(db: Db, from: string, to: string, say: (line: string) => void): Promise<void> {
  const names = new Set((await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name));
  if (!names.has(from)) return;
  if (names.has(to)) {
    if ((await db.collection(to).findOne({}, { projection: { _id: 1 } })) !== null) {
      throw new CannotStart(`the collections ${from} and ${to} both hold documents: keep one of them`);
    }
    await db.dropCollection(to);
  }
  try {
    await db.renameCollection(from, to);
    say(`collection ${from} is ${to}`);
  } catch (error) {
    // Another run was faster.
    if (!(error instanceof MongoServerError) || error.code !== NAMESPACE_NOT_FOUND) throw error;
  }
}
