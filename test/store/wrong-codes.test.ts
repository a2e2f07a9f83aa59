import { randomBytes } from 'node:crypto';
import { WRONG_CODES_MAX } from '../../contract/code-limits';
import type { CodeBudget } from '../../domain/code-budgets';
import { emailKey } from '../../store/accounts/create-agent';
import { giveBackCode, takeCode, type Counted } from '../../store/verification/code-counters';
import { giveBackTry, takeTry } from '../../store/verification/wrong-codes';
import { useDatabase } from '../support/database';

const HOUR_MS = 3_600_000;

describe('what strangers can use up of an address, and what they cannot', () => {
  const database = useDatabase();
  let made = 0;

  const newEmail = () => `budget-${randomBytes(6).toString('hex')}@example.com`;
  const pendingOf = (email: string, of: Partial<Counted> = {}): Counted => ({
    _id: `pnd_${(made += 1)}`,
    email,
    purpose: 'recover',
    agentId: null,
    ...of,
  });
  const rotationOf = (email: string, agentId = 'agt_1') => pendingOf(email, { purpose: 'rotate', agentId });
  const signInOf = (email: string, isKnownDevice = false) => pendingOf(email, { purpose: 'sign_in', isKnownDevice });
  const tryAt = (pending: Counted, name = '1') => takeTry(database, { pending, name });
  const triesOf = async (email: string) => (await database.wrongCodes.findOne({ _id: emailKey(email) }))?.tries ?? [];
  /** So many wrong codes of strangers, each so long ago. */
  async function guessed(email: string, count: number, agoMs = 0): Promise<void> {
    const at = new Date(Date.now() - agoMs);
    const tries = Array.from({ length: count }, (_, index) => ({
      id: `pnd_old:${index}`,
      budget: 'anybody' as CodeBudget,
      at,
    }));
    await database.wrongCodes.insertOne({ _id: emailKey(email), tries, expiresAt: new Date(Date.now() + HOUR_MS) });
  }

  test('identity#32: of a hundred tries at once, at any number of pendings and purposes, 30 are compared', async () => {
    const email = newEmail();
    const purposes = ['recover', 'register', 'sign_in', 'visit'] as const;
    const taken = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        tryAt(pendingOf(email, { purpose: purposes[index % 4] ?? 'recover' }), String(index)),
      ),
    );
    expect(taken.filter(Boolean)).toHaveLength(30);
    expect(await triesOf(email)).toHaveLength(WRONG_CODES_MAX);
    expect(await tryAt(pendingOf(newEmail()))).toBe(true);
  });

  test('identity#32: a place comes free a day after it was taken, not when the others do', async () => {
    const email = newEmail();
    await guessed(email, 30, 25 * HOUR_MS);
    expect(await tryAt(pendingOf(email))).toBe(true);
    expect(await triesOf(email)).toHaveLength(1);
    const other = newEmail();
    await guessed(other, 30, 23 * HOUR_MS);
    expect(await tryAt(pendingOf(other))).toBe(false);
    await database.wrongCodes.updateOne({ _id: emailKey(other) }, { $set: { 'tries.0.at': new Date(0) } });
    expect([await tryAt(pendingOf(other)), await tryAt(pendingOf(other))]).toEqual([true, false]);
  });

  test('the same try counts once however often it is run, and a right code gives its place back', async () => {
    const email = newEmail();
    const pending = pendingOf(email);
    expect(await Promise.all([tryAt(pending), tryAt(pending), tryAt(pending)])).toEqual([true, true, true]);
    expect(await triesOf(email)).toHaveLength(1);
    await tryAt(pending, '2');
    for (let run = 1; run <= 2; run += 1) await giveBackTry(database, { pending, name: '2' });
    expect((await triesOf(email)).map(({ id }) => id)).toEqual([`${pending._id}:1`]);
  });

  test('identity#32: after 30 wrong codes a rotation has 10 tries a day per agent, a known device 10', async () => {
    const email = newEmail();
    await guessed(email, 30);
    expect(await tryAt(signInOf(email))).toBe(false);
    for (const pending of [rotationOf(email), rotationOf(email, 'agt_2'), signInOf(email, true)]) {
      const taken = await Promise.all(Array.from({ length: 15 }, (_, index) => tryAt(pending, String(index))));
      expect(taken.filter(Boolean)).toHaveLength(10);
      expect(await tryAt({ ...pending, _id: 'pnd_next' })).toBe(false);
    }
    expect(await tryAt(pendingOf(email))).toBe(false);
  });

  test('identity#32: wrong codes of a rotation count among the 30 of everybody', async () => {
    const email = newEmail();
    await guessed(email, 25);
    for (let tried = 1; tried <= 5; tried += 1) expect(await tryAt(rotationOf(email))).toBe(true);
    expect(await tryAt(pendingOf(email))).toBe(false);
    expect(await tryAt(rotationOf(email))).toBe(true);
  });

  /** The hour of an address, as it is after so many mails. */
  const mailed = (email: string, sentInHour: number, own: Record<string, number> = {}) =>
    database.codeCounters.insertOne({
      _id: emailKey(email),
      cooldownUntil: null,
      hourStartedAt: new Date(Date.now() - HOUR_MS / 2),
      sentInHour,
      takenBy: [],
      own,
      expiresAt: new Date(Date.now() + HOUR_MS),
    });
  /** A minute after each other, so that no cooldown decides. */
  const minute = (index: number) => new Date(Date.now() + index * 61_000);

  test('identity#33: strangers who used up the hour leave four mails to each budget of its own', async () => {
    const email = newEmail();
    await mailed(email, 20);
    let minutes = 0;
    const take = async (pending: Counted) => (await takeCode(database, pending, minute((minutes += 1)))).kind;
    for (const pending of [pendingOf(email), signInOf(email)]) expect(await take(pending)).toBe('hourly_cap');
    for (const fresh of [() => rotationOf(email), () => rotationOf(email, 'agt_2'), () => signInOf(email, true)]) {
      const taken: string[] = [];
      for (let mails = 1; mails <= 5; mails += 1) taken.push(await take(fresh()));
      expect(taken).toEqual([...Array<string>(4).fill('granted'), 'hourly_cap']);
    }
    expect(await take(pendingOf(email))).toBe('hourly_cap');
  });

  test('identity#33: the next hour begins with none; what a refused mail took is given back', async () => {
    const email = newEmail();
    await mailed(email, 24, { device: 4 });
    const refused = signInOf(email, true);
    expect(await takeCode(database, refused, new Date())).toMatchObject({ kind: 'hourly_cap' });
    const later = new Date(Date.now() + HOUR_MS);
    expect(await takeCode(database, refused, later)).toEqual({ kind: 'granted' });
    const counter = () => database.codeCounters.findOne({ _id: emailKey(email) });
    expect(await counter()).toMatchObject({ sentInHour: 1, own: { device: 1 }, takenBy: [refused._id] });
    for (let run = 1; run <= 2; run += 1) await giveBackCode(database, refused);
    expect(await counter()).toMatchObject({ sentInHour: 0, own: { device: 0 }, takenBy: [], cooldownUntil: null });
  });
});
