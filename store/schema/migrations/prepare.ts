import { MongoError } from 'mongodb';
import type { Database } from '../database';
import { requireSchemaVersion } from './schema-version';
import { COLLECTIONS } from '../registry';

/** Error codes by which MongoDB says that the thing exists already. */
const NAMESPACE_EXISTS = 48;

/**
 * Creates missing collections, validators and indexes. Safe to run at every start and by several processes at once:
 * whoever loses the race to create a collection goes on. A validator is changed only when it differs: the change
 * needs the collection for itself, and would wait for the transactions of a process that just died.
 * @throws CannotStart when the database has another schema version
 */
export async function prepareDatabase(database: Database): Promise<void> {
  await requireSchemaVersion(database);
  const existing = await database.db.listCollections().toArray();
  const validators = new Map(existing.map((info) => [info.name, validatorOf(info)]));
  for (const [name, spec] of Object.entries(COLLECTIONS)) {
    const wanted = { $jsonSchema: spec.schema };
    const options = { validator: wanted, validationLevel: 'strict', validationAction: 'error' };
    if (!validators.has(name)) {
      await database.db.createCollection(name, options).catch((error: unknown) => {
        if (!(error instanceof MongoError) || error.code !== NAMESPACE_EXISTS) throw error;
      });
    } else if (validators.get(name) !== JSON.stringify(wanted)) {
      await database.db.command({ collMod: name, ...options });
    }
    if (spec.indexes.length > 0) await database.db.collection(name).createIndexes(spec.indexes);
  }
}

function validatorOf(info: object): string {
  // The driver types the options of a listed collection as unknown: this is their parse point.
  const { options } = info as { options?: { validator?: unknown } };
  return JSON.stringify(options?.validator);
}
