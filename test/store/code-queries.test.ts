import { explainQueries } from '../../bench/explain';
import type { Pending } from '../../store/schema/collections/verification';
import { giveBackCode, takeCode } from '../../store/verification/code-counters';
import { findLastSignIn } from '../../store/verification/pendings';
import { claimRecovery, withdrawRecovery } from '../../store/verification/recoveries';
import { giveBackTry, takeTry } from '../../store/verification/wrong-codes';
import { useDatabase } from '../support/database';

/** Anybody can have these run for any address: what they cost must not grow with what all others have asked for. */
describe('queries of mailed codes', () => {
  const database = useDatabase({ isMonitored: true });
  const now = new Date();
  const expiresAt = new Date(now.getTime() + 600_000);
  const email = 'asked-7@example.com';

  const pendingOf = (index: number, of: Partial<Pending> = {}): Pending => ({
    _id: `pnd_${index}`,
    purpose: 'recover',
    email: `asked-${index}@example.com`,
    agentId: null,
    handle: null,
    displayName: null,
    description: null,
    keyId: 'test',
    createdAt: now,
    expiresAt,
    hasCode: false,
    ...of,
  });
  const of = (index: number) => pendingOf(index);
  const pending = of(7);

  beforeAll(async () => {
    const all = Array.from({ length: 1_000 }, (_, index) => of(index));
    await database.pendings.insertMany(all);
    await database.pendings.insertMany(
      all.map((one) => ({ ...one, _id: `d${one._id}`, purpose: 'sign_in' as const, isKnownDevice: true })),
    );
    for (const one of all.slice(0, 50)) await takeTry(database, { pending: one, name: '1' });
  });

  const works: [string, () => Promise<unknown>][] = [
    ['a try', () => takeTry(database, { pending, name: '2' })],
    ['a right code', () => giveBackTry(database, { pending, name: '2' })],
    ['a recovery', () => claimRecovery(database, pendingOf(1_001, { email }))],
    ['a recovery that is asked for again', () => claimRecovery(database, pendingOf(1_002, { email }))],
    ['a mail', () => takeCode(database, pending, now)],
    ['a mail that was not accepted', () => giveBackCode(database, pending)],
    ['a recovery that was not started', () => withdrawRecovery(database, pendingOf(1_001, { email }))],
    ['the last sign-in of a known device', () => findLastSignIn(database, { email, isKnownDevice: true, now })],
    ['the last one of any other', () => findLastSignIn(database, { email, isKnownDevice: false, now })],
  ];

  test.each(works)('%s looks at the rows of its own address only, by an index', async (_name, work) => {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const { query, isCollectionScan, docsExamined } of explained) {
      expect([query, isCollectionScan, docsExamined <= 1]).toEqual([query, false, true]);
    }
  });
});
