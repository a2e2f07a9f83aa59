import { createConnections, type Registered } from '../../store/nodes/connections';
import { createLogger } from '../../platform/logger';
import { openLease } from '../../store/nodes/lease';
import { useDatabase } from '../support/database';
import { use } from '../support/use';

describe('the registry of sockets', () => {
  const database = useDatabase();
  const log = createLogger('test', 'silent');
  const lease = use(
    () => openLease({ database, log, nodeId: 'one', beforeRenewal: () => Promise.resolve() }),
    (held) => held.close(),
  );
  const open = async (agentId: string): Promise<Registered> => {
    const claimed = await connections().claim(agentId, 10);
    if (claimed === null) throw new Error('a socket was not admitted');
    return claimed;
  };
  const connections = () => createConnections({ database, log, nodeId: 'one', lease });
  const idsOf = async (nodeId: string) =>
    (await database.connections.find({ nodeId }).toArray()).map(({ _id }) => _id).sort();
  const age = (id: string) => database.connections.updateOne({ _id: id }, { $set: { connectedAt: new Date(0) } });

  test('rows whose removal failed go, rows that were taken away come back, all others stay', async () => {
    const [stays, leaked, taken, opening] = await Promise.all(['a', 'b', 'c', 'd'].map(open));
    if (!stays || !leaked || !taken || !opening) throw new Error('four sockets are open');
    await Promise.all([age(leaked.id), age(stays.id)]);
    await database.connections.deleteOne({ _id: taken.id });
    const foreign = { _id: 'foreign', agentId: 'b', nodeId: 'two', cursor: 0 };
    await database.connections.insertOne({ ...foreign, connectedAt: new Date(0), notedAt: new Date(0) });
    await connections().reconcile(() => [stays, taken]);
    // The row that is not old belongs to a socket that is just being opened.
    expect(await idsOf('one')).toEqual([stays.id, taken.id, opening.id].sort());
    expect(await idsOf('two')).toEqual(['foreign']);
    await database.connections.deleteMany({});
  });

  test('a socket that closes while the registry is compared leaves no row', async () => {
    const [closing] = await Promise.all(['e'].map(open));
    if (!closing) throw new Error('a socket is open');
    await database.connections.deleteOne({ _id: closing.id });
    let asked = 0;
    await connections().reconcile(() => ((asked += 1) === 1 ? [closing] : []));
    expect(await idsOf('one')).toEqual([]);
  });

  test('a socket that opens while the registry is compared is recorded once', async () => {
    let opened: Registered | null = null;
    const compare = connections().reconcile(() => (opened === null ? [] : [opened]));
    opened = await open('f');
    await compare;
    await connections().reconcile(() => (opened === null ? [] : [opened]));
    expect(await idsOf('one')).toEqual([opened.id]);
  });
});
