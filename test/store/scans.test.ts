import { MongoClient } from 'mongodb';
import { findScans, recordScans, STACK_APP } from '../support/scans';
import { testServers } from '../support/servers';
import { useDatabase } from '../support/database';

/** What fails a stack whose processes read whole collections (test/support/stack). */
describe('queries without an index', () => {
  const database = useDatabase();

  test('one of the processes of a stack is found; others, and those that an index serves, are not', async () => {
    const name = database.db.databaseName;
    const { mongoUri } = testServers();
    const open = (app: string) => MongoClient.connect(`${mongoUri}${mongoUri.includes('?') ? '&' : '?'}appName=${app}`);
    const [ours, others] = await Promise.all([open(STACK_APP), open('somebody-else')]);
    try {
      await recordScans(database.db);
      await ours.db(name).collection('agents').findOne({ handle: 'ann' });
      expect(await findScans(database.db)).toEqual([]);
      await recordScans(database.db);
      await others.db(name).collection('agents').findOne({ displayName: 'Ann' });
      await ours.db(name).collection('agents').findOne({ displayName: 'Ann' });
      await ours
        .db(name)
        .collection('messages')
        .updateMany({ content: 'x' }, { $set: { content: 'y' } });
      const scans = await findScans(database.db);
      expect(scans).toHaveLength(2);
      expect(scans.join('\n')).toMatch(/agents.*displayName/);
      expect(scans.join('\n')).toMatch(/messages.*content/);
    } finally {
      await Promise.all([ours.close(), others.close()]);
    }
  });
});
