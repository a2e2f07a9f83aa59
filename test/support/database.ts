import { randomBytes } from 'node:crypto';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { testServers } from './servers';

/** A prepared database of its own on the shared mongod, for tests that need no processes. */
export interface TestDatabase {
  database: Database;
  drop(): Promise<void>;
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const database = openDatabase({ uri: testServers().mongoUri, name: `test-${randomBytes(6).toString('hex')}` });
  await prepareDatabase(database);
  return {
    database,
    drop: async () => {
      await database.db.dropDatabase();
      await database.client.close();
    },
  };
}
