import type { ClientSession } from 'mongodb';
import { inSnapshot, isSnapshotGone } from '../../store/schema/snapshot';
import { useDatabase } from '../support/database';

describe('reads of one snapshot', () => {
  const database = useDatabase();
  const count = (session: ClientSession) => database.bus.countDocuments({}, { session });
  const write = () =>
    database.bus.insertOne({
      _id: `note ${Math.random()}`,
      nodeId: 'nobody',
      kind: 'wake',
      agentIds: [],
      fromNodeId: null,
      confirmedAt: null,
      payload: {},
      createdAt: new Date(),
    });

  /** Reads until the server does not keep the state any more that the first read showed. */
  async function readUntilGone(session: ClientSession): Promise<unknown> {
    const first = await count(session);
    for (;;) {
      await write();
      const again = await count(session).catch((error: unknown) => error);
      if (again instanceof Error) return again;
      expect(again).toBe(first);
    }
  }

  test('a snapshot that expires between two reads is begun again, and nobody gets an error', async () => {
    const failures: unknown[] = [];
    const seen = await inSnapshot(database, async (session) => {
      if (failures.length > 0) return [await count(session), await count(session)];
      failures.push(await readUntilGone(session));
      throw failures[0];
    });
    expect(failures.map(isSnapshotGone)).toEqual([true]);
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).toBeGreaterThan(0);
  });

  test('another failure is not tried again', async () => {
    let tries = 0;
    const work = () => {
      tries += 1;
      return Promise.reject(new TypeError('of our own'));
    };
    await expect(inSnapshot(database, work)).rejects.toThrow('of our own');
    expect(tries).toBe(1);
  });
});
