import { CannotStart } from '../../../platform/cannot-start';
import type { AppliedMigration, SchemaState } from '../collections/schema-state';
import { isDuplicateKey } from '../conflicts';
import type { Database } from '../database';
import { SAFE_READ } from '../reads';
import { CHECKSUMS, MIGRATIONS, SCHEMA_VERSION } from './all';

/** What an operator runs to bring a database to the version of the code. */
const MIGRATE = '"npm run migrate" (node dist/worker/migrate.js)';

/**
 * Refuses a database that this code does not fit. An empty one is taken as it is and gets the version of the code,
 * before anything else is written to it: a crash right behind leaves a version without collections, which is true.
 * @throws CannotStart
 */
export async function requireSchemaVersion(database: Database): Promise<void> {
  const state = await readSchemaState(database);
  if (state.version < SCHEMA_VERSION) {
    throw new CannotStart(
      `the database "${database.db.databaseName}" is older than this program (schema version ${state.version}, ` +
        `needed is ${SCHEMA_VERSION}): stop every api and worker and run ${MIGRATE}`,
    );
  }
}

/**
 * Which version the database has.
 * @throws CannotStart when it is newer than the code, or had other migrations than the code knows
 */
export async function readSchemaState(database: Database): Promise<SchemaState> {
  const known = await findState(database);
  const state = known ?? (await makeState(database));
  const name = database.db.databaseName;
  if (state.version > SCHEMA_VERSION) {
    throw new CannotStart(
      `the database "${name}" is newer than this program (schema version ${state.version}, known up to ` +
        `${SCHEMA_VERSION}): start the version of the server that migrated it, or a later one`,
    );
  }
  const changed = state.applied.find(({ number, checksum }) => CHECKSUMS[number - 1] !== checksum);
  if (changed !== undefined) {
    throw new CannotStart(
      `the database "${name}" had another migration ${changed.number} (${changed.name}) than this program has: start ` +
        `the version of the server that migrated it`,
    );
  }
  return state;
}

/** What is recorded of a migration once it is done. */
export function appliedNow(number: number, at: Date): AppliedMigration {
  return { number, name: MIGRATIONS[number - 1]?.name ?? '', checksum: CHECKSUMS[number - 1] ?? '', at };
}

const findState = (database: Database): Promise<SchemaState | null> =>
  database.schemaState.findOne({ _id: 'schema' }, SAFE_READ);

/** The first to look at a database records what it found: nothing at all, or what was there before versions were. */
async function makeState(database: Database): Promise<SchemaState> {
  const names = await database.db.listCollections({}, { nameOnly: true }).toArray();
  const isEmpty = names.every(({ name }) => name === 'schemaState' || name.startsWith('system.'));
  const version = isEmpty ? SCHEMA_VERSION : 0;
  const at = new Date();
  const applied = Array.from({ length: version }, (_, index) => appliedNow(index + 1, at));
  const state: SchemaState = { _id: 'schema', version, applied, migrator: null };
  try {
    await database.schemaState.insertOne(state);
    return state;
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return (await findState(database)) ?? state;
  }
}
