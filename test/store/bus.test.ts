import { openBus } from '../../store/nodes/bus';
import { createConnections } from '../../store/nodes/connections';
import type { Lease } from '../../store/nodes/lease';
import type { Database } from '../../store/schema/database';
import { createLogger } from '../../platform/logger';
import { useDatabase } from '../support/database';
import { createGate } from '../support/gate';
import { pace } from '../support/pace';
import { waitFor } from '../support/wait';

describe('the bus between two nodes', () => {
  const database = useDatabase();
  const log = createLogger('test', 'silent');
  const leaseBeside = (other: string) => ({ otherNodes: () => [other], isHeld: () => true }) as unknown as Lease;

  function openNode(nodeId: string, other: string, used: Database = database) {
    const lease = leaseBeside(other);
    return openBus({ database: used, connections: createConnections({ database, log, nodeId, lease }), lease, log });
  }

  /** The database whose first write to the bus is late. */
  function withLateFirstNote(isOver: Promise<void>): Database {
    let isFirst = true;
    const insertMany: Database['bus']['insertMany'] = async (...args) => {
      const isLate = isFirst;
      isFirst = false;
      if (isLate) await isOver;
      return database.bus.insertMany(...args);
    };
    const bus = new Proxy(database.bus, {
      get: (target, name) => (name === 'insertMany' ? insertMany : (Reflect.get(target, name) as unknown)),
    });
    return { ...database, bus };
  }

  test('frames come in the order in which they were published, however long each write takes', async () => {
    const gate = createGate();
    const here = openNode('here', 'there', withLateFirstNote(gate.isOpen));
    const there = openNode('there', 'here');
    const heard: string[] = [];
    there.onFrame((_, { text }) => heard.push(text));
    await Promise.all([here.opened, there.opened]);
    await database.connections.insertOne({
      _id: 'a socket',
      agentId: 'bob',
      nodeId: 'there',
      cursor: 0,
      connectedAt: new Date(),
      notedAt: new Date(),
    });
    for (const text of ['start', 'stop', 'more']) here.publishFrame(['bob'], { text });
    await pace(200, 'time for the later ones to overtake the first');
    gate.open();
    await waitFor(() => heard.length === 3);
    expect(heard).toEqual(['start', 'stop', 'more']);
    await Promise.all([here.close(), there.close()]);
  });
});
