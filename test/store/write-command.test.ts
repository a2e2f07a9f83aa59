import { openDatabase } from '../../store/schema/database';
import { useDatabase } from '../support/database';
import { sequence } from '../support/releases';
import { testServers } from '../support/servers';
import { use } from '../support/use';
import { startWire } from '../support/wire';

describe('a call whose connection closes before it is written', () => {
  const database = useDatabase();
  const wire = use(
    () => startWire(Number(new URL(testServers().mongoUri).port)),
    (cable) => cable.stop(),
  );
  const far = use(
    () => {
      const uri = `mongodb://127.0.0.1:${wire.port}/?directConnection=true`;
      return openDatabase({ uri, name: database.db.databaseName, silenceMsMax: 500 });
    },
    ({ client }) => client.close(),
  );

  test('is tried again on another one, instead of waiting for ever for a server that takes no bytes', async () => {
    const large = far.db.collection('large');
    await large.insertOne({ text: 'gets through' });
    wire.stall();
    // More than the buffers of both ends hold.
    await large.insertMany(sequence(1, 10).map(() => ({ text: 'x'.repeat(4_000_000) })));
    expect(await database.db.collection('large').countDocuments()).toBe(11);
  });
});
