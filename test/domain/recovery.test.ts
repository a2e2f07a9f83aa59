import fc from 'fast-check';
import { budgetOf } from '../../domain/code-budgets';
import { decideRecovery, type RecoveryChoice, type RecoveryPending, type RecoveryRow } from '../../domain/recovery';

/** An ask for a recovery at a second, by somebody who names a handle that fits or does not. */
interface Ask {
  second: number;
  fits: 'nobody' | 'one' | 'other' | 'several';
}

const TARGETS: Record<Ask['fits'], Pick<RecoveryPending, 'agentId' | 'handle'>> = {
  nobody: { agentId: null, handle: null },
  one: { agentId: 'agt_one', handle: 'one' },
  other: { agentId: 'agt_other', handle: 'other' },
  several: { agentId: null, handle: 'one' },
};

/** What is stored of an email's recovery, and what asking changes of it. */
function createEmail() {
  let row: RecoveryRow | null = null;
  let stored: RecoveryPending | null = null;
  let made = 0;
  return {
    ask({ second, fits }: Ask): RecoveryChoice<RecoveryPending> {
      const createdAt = new Date(second * 1_000);
      const expiresAt = new Date((second + 600) * 1_000);
      const fresh = { _id: `pnd_${(made += 1)}`, createdAt, expiresAt, hasCode: false, ...TARGETS[fits] };
      const choice = decideRecovery({ row, earlier: stored, fresh });
      const { pending, coolsUntil, asks, isStandIn } = choice;
      stored = pending;
      row = { until: pending.expiresAt, coolsUntil, asks, isStandIn };
      return choice;
    },
    /** The pending was used or burned. */
    end: () => {
      stored = null;
    },
    count: () => {
      if (stored !== null) stored = { ...stored, hasCode: true };
    },
  };
}

describe('the one live recovery of an email', () => {
  test('identity#32: asked again it is the same pending for ten minutes; each minute asks for one mail more', () => {
    const email = createEmail();
    const answers = [0, 1, 59, 60, 61, 119, 121, 599].map((second) => email.ask({ second, fits: 'one' }));
    expect(answers.map(({ pending }) => pending._id)).toEqual(Array(8).fill('pnd_1'));
    expect(answers.map(({ asks }) => asks)).toEqual([1, 1, 1, 2, 2, 2, 3, 4]);
    const next = { pending: { _id: 'pnd_9', ...TARGETS.one }, asks: 1, isStandIn: false };
    expect(email.ask({ second: 600, fits: 'one' })).toMatchObject(next);
  });

  test('identity#15: a used one has a decoy in its place for the rest of the minute, then a new one', () => {
    const email = createEmail();
    email.ask({ second: 0, fits: 'one' });
    email.end();
    const standIn = email.ask({ second: 10, fits: 'one' });
    expect(standIn).toMatchObject({ pending: { _id: 'pnd_2', ...TARGETS.nobody }, isStandIn: true });
    expect(email.ask({ second: 59, fits: 'one' })).toMatchObject({ pending: standIn.pending, isStandIn: true });
    const next = email.ask({ second: 60, fits: 'one' });
    expect(next).toMatchObject({ pending: { _id: 'pnd_4', ...TARGETS.one }, isStandIn: false, asks: 1 });
  });

  test('identity#32: ids, cooldowns and numbers of asks do not depend on whether anybody is behind the email', () => {
    const seconds = fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(
        seconds,
        fc.array(fc.constantFrom<Ask['fits']>('nobody', 'one', 'other', 'several')),
        (steps, fits) => {
          const [known, unknown] = [createEmail(), createEmail()];
          let second = 0;
          steps.forEach(([wait, ends], at) => {
            second += wait;
            const seen = [
              known.ask({ second, fits: fits[at % fits.length] ?? 'one' }),
              unknown.ask({ second, fits: 'nobody' }),
            ];
            const [real, decoy] = seen.map(({ pending, ...rest }) => ({
              ...rest,
              id: pending._id,
              until: pending.expiresAt,
            }));
            expect(real).toEqual(decoy);
            if (ends) [known, unknown].forEach((email) => email.end());
          });
        },
      ),
    );
  });

  test('identity#32: a wrong handle makes no decoy of a real one; a right one makes a decoy real', () => {
    const email = createEmail();
    expect(email.ask({ second: 0, fits: 'nobody' }).pending).toMatchObject(TARGETS.nobody);
    // The counters granted it a code, which was mailed to nobody.
    email.count();
    expect(email.ask({ second: 5, fits: 'one' }).pending).toMatchObject({ ...TARGETS.one, hasCode: false });
    email.count();
    expect(email.ask({ second: 70, fits: 'nobody' }).pending).toMatchObject({ ...TARGETS.one, hasCode: true });
  });

  test('asks that name different agents of one email mean neither of them', () => {
    const email = createEmail();
    email.ask({ second: 0, fits: 'one' });
    expect(email.ask({ second: 1, fits: 'one' }).pending).toMatchObject(TARGETS.one);
    expect(email.ask({ second: 2, fits: 'other' }).pending).toMatchObject({ agentId: null, handle: 'one' });
    expect(email.ask({ second: 3, fits: 'one' }).pending).toMatchObject({ agentId: null, handle: 'one' });
  });

  test('a row from before there were asks keeps its minute', () => {
    const earlier = { _id: 'pnd_0', createdAt: new Date(0), expiresAt: new Date(600_000), ...TARGETS.one };
    const row = { until: new Date(60_000) };
    const freshAt = (second: number) => ({
      ...earlier,
      _id: 'pnd_1',
      createdAt: new Date(second * 1_000),
      expiresAt: new Date((second + 600) * 1_000),
    });
    expect(decideRecovery({ row, earlier, fresh: freshAt(59) })).toMatchObject({ isEarlier: true, asks: 1 });
    expect(decideRecovery({ row, earlier, fresh: freshAt(60) })).toMatchObject({ isEarlier: true, asks: 2 });
    expect(decideRecovery({ row, earlier: null, fresh: freshAt(60) })).toMatchObject({ isEarlier: false, asks: 1 });
  });
});

test('identity#33: rotations and known devices have budgets of their own, everything else has one together', () => {
  const of = (purpose: string, more: object = {}) => budgetOf({ purpose, agentId: null, ...more });
  for (const purpose of ['register', 'recover', 'sign_in', 'visit']) expect(of(purpose)).toBe('anybody');
  expect(of('recover', { agentId: 'agt_1', isKnownDevice: true })).toBe('anybody');
  expect(of('rotate', { agentId: 'agt_1' })).toBe('agent:agt_1');
  expect(of('sign_in', { isKnownDevice: true })).toBe('device');
});
