import { openLease } from '../../store/nodes/lease';
import { createLogger } from '../../platform/logger';
import { waitFor } from '../support/wait';
import { useDatabase } from '../support/database';
import { use } from '../support/use';
import { createGate } from '../support/gate';

describe('the lease of a node', () => {
  const database = useDatabase();
  /** What the next renewal waits for: as long as it does, the lease lapses. */
  let blockade: Promise<void> = Promise.resolve();

  const lease = use(
    () => openLease({ database, log: createLogger('test', 'silent'), nodeId: 'one', beforeRenewal: () => blockade }),
    (held) => held.close(),
  );

  test.each([
    ['was taken away', () => database.nodes.deleteOne({ _id: 'one' })],
    ['had lapsed', () => database.nodes.updateOne({ _id: 'one' }, { $set: { leaseUntil: new Date(0) } })],
  ])('a node whose row %s catches up, though its own clock saw no gap', async (_, takeForDead) => {
    await waitFor(() => lease.isHeld());
    let caughtUp = 0;
    lease.onRegained(() => Promise.resolve(void (caughtUp += 1)));
    await takeForDead();
    await waitFor(() => caughtUp > 0);
    await waitFor(() => lease.isHeld());
    expect(caughtUp).toBe(1);
  });

  test('it counts again when the work after the latest lapse is done, whichever work ends first', async () => {
    await waitFor(() => lease.isHeld());
    const works: { open: () => void }[] = [];
    lease.onRegained(() => {
      const work = createGate();
      works.push(work);
      return work.isOpen;
    });
    for (const lapse of [1, 2]) {
      const block = createGate();
      blockade = block.isOpen;
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
