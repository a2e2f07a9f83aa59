import { randomBytes } from 'node:crypto';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { openLease, type Lease } from '../../store/lease';
import { createLogger } from '../../platform/logger';
import { testServers } from '../support/servers';
import { waitFor } from '../support/wait';

describe('the lease of a node', () => {
  let database: Database;
  let lease: Lease;
  /** What the next renewal waits for: as long as it does, the lease lapses. */
  let blockade: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    database = openDatabase({ uri: testServers().mongoUri, name: `test-lease-${randomBytes(6).toString('hex')}` });
    await prepareDatabase(database);
    const log = createLogger('test', 'silent');
    lease = await openLease({ database, log, nodeId: 'one', beforeRenewal: () => blockade });
  });
  afterAll(async () => {
    await lease.close();
    await database.db.dropDatabase();
    await database.client.close();
  });

  function gate(): { opened: Promise<void>; open: () => void } {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { opened, open };
  }

  test('it counts again when the work after the latest lapse is done, whichever work ends first', async () => {
    await waitFor(() => lease.isHeld());
    const works: { open: () => void }[] = [];
    lease.onRegained(() => {
      const work = gate();
      works.push(work);
      return work.opened;
    });
    for (const lapse of [1, 2]) {
      const block = gate();
      blockade = block.opened;
      const { leaseUntil } = (await database.nodes.findOne({ _id: 'one' })) ?? {};
      await waitFor(() => Date.now() > (leaseUntil?.getTime() ?? Number.POSITIVE_INFINITY) + 1_100);
      block.open();
      blockade = Promise.resolve();
      await waitFor(() => works.length === lapse);
      expect(lease.isHeld()).toBe(false);
    }
    works[1]?.open();
    await waitFor(() => lease.isHeld());
    works[0]?.open();
    // The promise's own turn, and a renewal: the late end of the first work changes nothing.
    const { leaseUntil } = (await database.nodes.findOne({ _id: 'one' })) ?? {};
    await waitFor(
      async () => (await database.nodes.findOne({ _id: 'one' }))?.leaseUntil.getTime() !== leaseUntil?.getTime(),
    );
    await waitFor(() => lease.isHeld());
    expect(await database.nodes.countDocuments()).toBe(1);
  });
});
