import fc from 'fast-check';
import { decideEnforcement, suspensionReason, type EnforcementFacts } from '../../domain/enforcement';
import type { AccountStatus } from '../../domain/guards';

const NOW = new Date('2030-06-15T12:00:00.000Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const times = (count: number, ms: number): Date[] => Array.from({ length: count }, () => ago(ms));

const decide = (facts: Partial<EnforcementFacts>, now = NOW) =>
  decideEnforcement(
    {
      status: 'active',
      source: 'community',
      isSticky: false,
      isSystem: false,
      baseline: null,
      blockTimes: [],
      reportTimes: [],
      ...facts,
    },
    now,
  );

describe('what blocks and reports decide (social.md §5)', () => {
  test.each<[string, Partial<EnforcementFacts>, AccountStatus]>([
    ['14 blocks in a day', { blockTimes: times(14, HOUR) }, 'active'],
    ['15 blocks in a day', { blockTimes: times(15, HOUR) }, 'restricted'],
    ['15 blocks, the oldest exactly a day old', { blockTimes: [...times(14, 0), ago(DAY)] }, 'restricted'],
    ['15 blocks, the oldest a millisecond older', { blockTimes: [...times(14, 0), ago(DAY + 1)] }, 'active'],
    ['49 blocks in a week', { blockTimes: times(49, 2 * DAY) }, 'active'],
    ['50 blocks in a week', { blockTimes: times(50, WEEK) }, 'suspended'],
    ['50 blocks, one older than a week', { blockTimes: [...times(49, 0), ago(WEEK + 1)] }, 'restricted'],
    ['9 reports in a week', { reportTimes: times(9, 0) }, 'active'],
    ['10 reports in a week', { reportTimes: times(10, WEEK) }, 'suspended'],
    ['10 reports, one older', { reportTimes: [...times(9, 0), ago(WEEK + 1)] }, 'active'],
    [
      '15 blocks and 10 reports: the severer wins',
      { blockTimes: times(15, 0), reportTimes: times(10, 0) },
      'suspended',
    ],
    ['a restriction without its blocks', { status: 'restricted' }, 'active'],
    ['a restriction set by an operator', { status: 'restricted', source: 'operator' }, 'restricted'],
    ['a restriction held by an operator', { status: 'restricted', isSticky: true }, 'restricted'],
    [
      'a restriction by an operator that gets 10 reports',
      { status: 'restricted', source: 'operator', reportTimes: times(10, 0) },
      'suspended',
    ],
    ['a suspension without its rows', { status: 'suspended' }, 'suspended'],
    ['a suspension with 15 fresh blocks', { status: 'suspended', blockTimes: times(15, 0) }, 'suspended'],
    ['a deleted account', { status: 'deleted', blockTimes: times(50, 0) }, 'deleted'],
    ['a system agent', { isSystem: true, blockTimes: times(60, 0), reportTimes: times(20, 0) }, 'active'],
    ['rows from before the baseline', { baseline: ago(HOUR), blockTimes: times(60, HOUR + 1) }, 'active'],
    ['15 rows from the baseline on', { baseline: ago(HOUR), blockTimes: times(15, HOUR) }, 'restricted'],
  ])('social#G6: %s', (_name, facts, status) => {
    expect(decide(facts).status).toBe(status);
  });

  test('social#G8: the lift is known: the fifteenth-newest block leaves the window a millisecond after a day', () => {
    const blockTimes = Array.from({ length: 20 }, (_, index) => ago(index * 60_000));
    const { status, nextEvaluationAt } = decide({ blockTimes });
    expect(status).toBe('restricted');
    expect(nextEvaluationAt).toEqual(new Date(ago(14 * 60_000).getTime() + DAY + 1));
    const lift = nextEvaluationAt ?? NOW;
    expect(decide({ status: 'restricted', blockTimes }, new Date(lift.getTime() - 1)).status).toBe('restricted');
    expect(decide({ status: 'restricted', blockTimes }, lift).status).toBe('active');
  });

  test.each<[string, Partial<EnforcementFacts>]>([
    ['active', {}],
    ['suspended', { reportTimes: times(10, 0) }],
    ['held', { blockTimes: times(15, 0), isSticky: true }],
    ['set by an operator', { blockTimes: times(15, 0), status: 'restricted', source: 'operator' }],
  ])('nothing to wait for while %s', (_name, facts) => {
    expect(decide(facts).nextEvaluationAt).toBeNull();
  });

  const anyTimes = fc.array(fc.integer({ min: -1_000, max: 9 * DAY }).map(ago), { maxLength: 70 });
  const anyFacts = fc.record({
    status: fc.constantFrom<AccountStatus>('active', 'restricted', 'suspended', 'deleted'),
    source: fc.constantFrom('community' as const, 'operator' as const),
    isSticky: fc.boolean(),
    isSystem: fc.boolean(),
    baseline: fc.option(fc.integer({ min: 0, max: 9 * DAY }).map(ago)),
    blockTimes: anyTimes,
    reportTimes: anyTimes,
  });

  test('social#G3, social#G6: deciding again changes nothing; only restricted falls back to active', () => {
    const severity = { active: 0, restricted: 1, suspended: 2, deleted: 3 };
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { status } = decideEnforcement(facts, NOW);
        expect(decideEnforcement({ ...facts, status }, NOW).status).toBe(status);
        const isLift = facts.status === 'restricted' && status === 'active';
        expect(isLift || severity[status] >= severity[facts.status]).toBe(true);
        if (facts.isSystem) expect(status).toBe(facts.status);
      }),
    );
  });

  test('social#G8: before its time a restriction does not lift by ageing, at its time it does', () => {
    fc.assert(
      fc.property(anyFacts, fc.double({ min: 0, max: 1, noNaN: true }), (facts, part) => {
        const { status, nextEvaluationAt } = decideEnforcement(facts, NOW);
        if (nextEvaluationAt === null) return;
        const spanMs = nextEvaluationAt.getTime() - NOW.getTime();
        expect(spanMs).toBeGreaterThan(0);
        const settled = { ...facts, status };
        const early = new Date(NOW.getTime() + Math.floor((spanMs - 1) * part));
        expect(decideEnforcement(settled, early).status).not.toBe('active');
        // Rows of the future are those of a clock that runs ahead: they may keep it restricted.
        if (facts.blockTimes.every((time) => time <= NOW))
          expect(decideEnforcement(settled, nextEvaluationAt).status).toBe('active');
      }),
    );
  });

  test('the reason that callers are told', () => {
    expect(suspensionReason('operator')).toBe('operator');
    expect(suspensionReason(undefined)).toBe('community_enforcement');
  });
});
