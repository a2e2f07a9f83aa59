import { CannotStart } from '../platform/cannot-start';
import { startProcess } from '../platform/start';
import { openDatabase } from '../store/schema/database';
import { migrate } from '../store/schema/migrations/migrate';
import { isOutage } from '../store/schema/outage';

/** `npm run migrate`: brings the database to the version of this program, prints what it did, and ends. */
async function main(): Promise<void> {
  const { config } = startProcess('migrate', { isQuiet: true });
  const database = openDatabase({ uri: config.MONGODB_URI, name: config.MONGODB_DB });
  try {
    await migrate(database, (line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    throw isOutage(error) ? new CannotStart('the database cannot be reached: run this again when it is back') : error;
  } finally {
    await database.client.close();
  }
}

void main();
