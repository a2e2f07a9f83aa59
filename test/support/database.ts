import { randomBytes } from 'node:crypto';
import { openDatabase, type Database } from '../../store/schema/database';
import { prepareDatabase } from '../../store/schema/migrations/prepare';
import { testServers } from './servers';
import { standIn, use } from './use';

export interface TestDatabaseOptions {
  /** The driver tells listeners of every command, as `explainQueries` needs it. Default false. */
  isMonitored?: boolean;
}

/** A prepared database of its own on the shared mongod, for tests that need no processes. */
export interface TestDatabase {
  database: Database;
  drop(): Promise<void>;
}

export async function openTestDatabase({ isMonitored = false }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const uri = new URL(testServers().mongoUri);
  if (isMonitored) uri.searchParams.set('monitorCommands', 'true');
  const database = openDatabase({ uri: uri.href, name: `test-${randomBytes(6).toString('hex')}` });
  await prepareDatabase(database);
  return {
    database,
    drop: async () => {
      await database.db.dropDatabase();
      await database.client.close();
    },
  };
}

/** Such a database for the tests of the surrounding block. */
export function useDatabase(options: TestDatabaseOptions = {}): Database {
  const used = use(
    () => openTestDatabase(options),
    ({ drop }) => drop(),
  );
  return standIn(() => used.database);
}
