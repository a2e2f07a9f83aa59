import type { ClientSession, CommandStartedEvent } from 'mongodb';
import { AppError } from '../../contract/errors';
import { newOutboxId } from '../../platform/ids';
import { isOutage } from '../../store/schema/outage';
import { openDatabase, type Database } from '../../store/schema/database';
import { testServers } from '../support/servers';
import { useEach } from '../support/use';
import { openTestDatabase } from '../support/database';

/** Any one document that many write at once. */
const COUNTER = 'agt_counter';

/** Counts one up, and notes who did it beside it: the two are there together, or neither. */
async function countUp(database: Database, transaction: ClientSession): Promise<number> {
  const after = await database.gatewaySlots.findOneAndUpdate(
    { _id: COUNTER },
    { $inc: { chats: 1 }, $setOnInsert: { running: [], tasks: 0 } },
    { upsert: true, session: transaction, returnDocument: 'after' },
  );
  const row = { _id: newOutboxId(), kind: 'turn.started' as const, executionId: 'exe_1', createdAt: new Date() };
  await database.outbox.insertOne(row, { session: transaction });
  return after?.chats ?? 0;
}

describe('transactions that are shared', () => {
  const used = useEach(
    () => openTestDatabase({ isMonitored: true }),
    ({ drop }) => drop(),
  );
  const database = () => used.database;
  const count = async () => ({
    counted: (await database().gatewaySlots.findOne({ _id: COUNTER }))?.chats,
    rows: await database().outbox.countDocuments({}),
  });
  const add = (on = database()) => on.inSharedTransaction(COUNTER, (transaction) => countUp(on, transaction));
  const many = <T>(length: number, work: (index: number) => Promise<T>) =>
    Promise.allSettled(Array.from({ length }, (_, index) => work(index)));

  test('what is asked for at once is done once each, in its order, with few commits', async () => {
    let commits = 0;
    used.database.client.on('commandStarted', ({ commandName }: CommandStartedEvent) => {
      if (commandName === 'commitTransaction') commits += 1;
    });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => add()));
    expect(outcomes).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await count()).toEqual({ counted: 100, rows: 100 });
    expect(commits).toBeLessThan(20);
  });

  test('one that refuses gets its refusal and leaves nothing, the others are as if it had not been there', async () => {
    const refusals = [3, 7, 20];
    const outcomes = await many(30, (index) =>
      database().inSharedTransaction(COUNTER, async (transaction) => {
        const counted = await countUp(database(), transaction);
        if (refusals.includes(index)) throw new AppError('TURN_QUEUE_FULL', { index });
        return counted;
      }),
    );
    const refused = outcomes.flatMap((outcome, index) => (outcome.status === 'rejected' ? [index] : []));
    expect(refused).toEqual(refusals);
    const counts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(counts).toEqual(Array.from({ length: 27 }, (_, index) => index + 1));
    expect(await count()).toEqual({ counted: 27, rows: 27 });
  });

  test('what another process writes at the same time conflicts, and is counted once each', async () => {
    const other = openDatabase({ uri: testServers().mongoUri, name: database().db.databaseName });
    try {
      await Promise.all(Array.from({ length: 60 }, (_, index) => add(index % 2 === 0 ? other : database())));
      expect(await count()).toEqual({ counted: 60, rows: 60 });
    } finally {
      await other.client.close();
    }
  });

  test('what is asked for another document does not wait', async () => {
    const held = { release: () => undefined as void };
    const holding = database().inSharedTransaction(
      'one',
      () => new Promise<void>((resolve) => (held.release = resolve)),
    );
    expect(await database().inSharedTransaction('another', () => Promise.resolve('through'))).toBe('through');
    held.release();
    await holding;
  });

  test('of an outage each is told at once, and what comes behind it is done', async () => {
    const attempts: number[] = [];
    let isFirst = true;
    const outcomes = await many(10, (index) =>
      database().inSharedTransaction(COUNTER, async (transaction) => {
        attempts.push(index);
        if (isFirst) {
          isFirst = false;
          // What waits meanwhile shares the next one.
          return countUp(database(), transaction);
        }
        throw Object.assign(new Error('no primary'), { name: 'MongoServerSelectionError' });
      }),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', ...Array.from({ length: 9 }, () => 'rejected')]);
    for (const outcome of outcomes.slice(1)) {
      expect(isOutage(outcome.status === 'rejected' ? outcome.reason : null)).toBe(true);
    }
    expect(attempts).toEqual([0, 1]);
    expect(await add()).toBe(2);
  });
});
