import { deleteAgent } from '../../store/accounts/delete-agent';
import { evaluateEnforcement } from '../../store/enforcement/evaluate-enforcement';
import { operateEnforcement, type OperatorAction } from '../../store/enforcement/operate-enforcement';
import { removeBlock, setBlock } from '../../store/contacts/relations';
import { createSubject, DAY_MS, HOUR_MS, wroteFirst } from '../support/community';
import { useDatabase } from '../support/database';

const NOW = new Date('2030-06-15T12:00:00.000Z');
const after = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('what evaluations make of the stored rows', () => {
  const database = useDatabase();

  const operate = (agentId: string, action: OperatorAction, now: Date) =>
    operateEnforcement(database, { agentId, action, operator: { type: 'operator', id: 'ada' }, note: 'why', now });

  test('social#15: fourteen counting blocks change nothing; the fifteenth restricts, once', async () => {
    const subject = await createSubject(database);
    const witnesses = await subject.witnesses(15);
    await subject.blockedBy(witnesses.slice(0, 14), NOW);
    expect((await subject.evaluate(NOW)).transition).toBeNull();
    await subject.blockedBy(witnesses.slice(14), after(1_000));
    const seen = await subject.evaluate(after(2_000));
    expect(seen).toMatchObject({ status: 'restricted', transition: { number: 1, from: 'active' } });
    expect(seen.nextEvaluationAt).toEqual(after(DAY_MS + 1));
    const [transition, ...more] = await subject.transitions();
    expect(more).toEqual([]);
    expect(transition).toMatchObject({
      from: 'active',
      to: 'restricted',
      source: 'community',
      trigger: 'request',
      at: after(2_000),
      counts: { blocksInDay: 15, blocksInWeek: 15, reportsInWeek: 0 },
      thresholds: { blocksInDay: 15, blocksInWeek: 50, reportsInWeek: 10 },
      settledAt: null,
    });
    expect(transition?.blockIds.sort()).toEqual(witnesses.map((id) => `${id}:${subject.agentId}`).sort());
    const guards = await database.guards
      .find({ _id: { $in: [`sender:${subject.agentId}`, `inbox-in:${subject.agentId}`] } })
      .toArray();
    expect(guards).toMatchObject([{ status: 'restricted' }, { status: 'restricted' }]);
    const audit = await database.auditEvents
      .find({ targetId: subject.agentId, action: 'agent.status_changed' })
      .toArray();
    expect(audit).toMatchObject([{ actorType: 'system', metadata: { from: 'active', to: 'restricted' } }]);
  });

  test('social#16: a thousand blocks and a hundred reports by agents that it never wrote to change nothing', async () => {
    const subject = await createSubject(database);
    const strangers = await subject.witnesses(1_000, { isStranger: true });
    await database.blocks.insertMany(
      strangers.map((from) => ({
        _id: `${from}:${subject.agentId}`,
        blockerId: from,
        blockedId: subject.agentId,
        createdAt: NOW,
        counts: false,
        isHidden: false,
      })),
    );
    await subject.reportedBy(await subject.witnesses(20, { isStranger: true }), NOW);
    // Those to whom it only answered do not count either.
    const openers = await subject.witnesses(20, { isStranger: true });
    for (const from of openers) await wroteFirst(database, from, subject.agentId);
    await subject.reportedBy(openers, NOW);
    expect(await subject.evaluate(NOW)).toMatchObject({
      status: 'active',
      counts: { blocksInWeek: 0, reportsInWeek: 0 },
    });
    expect(await database.outbox.countDocuments({ kind: 'enforcement.requested', targetId: subject.agentId })).toBe(0);
  });

  test('social#17: the restriction lifts when one of fifteen blockers takes its block back, or by the clock', async () => {
    const subject = await createSubject(database);
    const witnesses = await subject.witnesses(16);
    await subject.blockedBy(witnesses.slice(0, 15), (index) => after(index * 60_000));
    await subject.evaluate(after(HOUR_MS));
    const withdrawal = await removeBlock(database, {
      from: witnesses[7] ?? '',
      to: subject.agentId,
      at: after(HOUR_MS),
    });
    expect(withdrawal.request).toMatchObject({ agentId: subject.agentId, trigger: 'unblock' });
    expect((await subject.evaluate(after(HOUR_MS))).status).toBe('active');
    // The one that comes is the fifteenth again; the first of all is what has to leave the window.
    await subject.blockedBy(witnesses.slice(15), after(2 * HOUR_MS));
    expect(await subject.evaluate(after(2 * HOUR_MS))).toMatchObject({
      status: 'restricted',
      nextEvaluationAt: after(DAY_MS + 1),
    });
    expect((await subject.evaluate(after(DAY_MS))).status).toBe('restricted');
    expect((await subject.evaluate(after(DAY_MS + 1))).status).toBe('active');
    expect((await subject.transitions()).map(({ to }) => to)).toEqual(['restricted', 'active', 'restricted', 'active']);
  });

  test('social#20, social#G9: only reinstatement ends a suspension, and older rows count no more', async () => {
    const subject = await createSubject(database);
    const reporters = await subject.witnesses(10);
    await subject.reportedBy(reporters, NOW);
    expect((await subject.evaluate(NOW)).status).toBe('suspended');
    await subject.blockedBy(await subject.witnesses(15), after(HOUR_MS));
    expect((await subject.evaluate(after(HOUR_MS))).status).toBe('suspended');
    expect(await subject.evaluate(after(8 * DAY_MS))).toMatchObject({ status: 'suspended', nextEvaluationAt: null });
    for (const from of reporters) await removeBlock(database, { from, to: subject.agentId, at: after(HOUR_MS) });
    expect((await subject.evaluate(after(HOUR_MS))).status).toBe('suspended');
    await operate(subject.agentId, { kind: 'reinstate' }, after(2 * HOUR_MS));
    await subject.blockedBy(await subject.witnesses(1), after(3 * HOUR_MS));
    expect(await subject.evaluate(after(3 * HOUR_MS))).toMatchObject({
      status: 'active',
      counts: { blocksInWeek: 1, reportsInWeek: 0 },
    });
    await subject.blockedBy(await subject.witnesses(14), after(3 * HOUR_MS));
    expect((await subject.evaluate(after(3 * HOUR_MS))).status).toBe('restricted');
  });

  test('social#21: fifty blocks over a week, never fifteen in a day: suspended at the fiftieth', async () => {
    const subject = await createSubject(database);
    const witnesses = await subject.witnesses(50);
    for (const [index, from] of witnesses.entries()) {
      const at = after(index * 3.2 * HOUR_MS);
      await setBlock(database, { from, to: subject.agentId, at });
      const { status } = await subject.evaluate(at);
      expect([index, status]).toEqual([index, index === 49 ? 'suspended' : 'active']);
    }
  });

  test('social#24, social#G15: the evaluation of a deleted agent changes nothing, and its flow ends', async () => {
    const subject = await createSubject(database);
    await subject.blockedBy(await subject.witnesses(15), NOW);
    await subject.evaluate(NOW);
    await subject.blockedBy(await subject.witnesses(40), NOW);
    await database.outbox.deleteMany({ targetId: subject.agentId });
    await deleteAgent(database, subject.agentId, NOW);
    expect(await database.outbox.countDocuments({ kind: 'enforcement.requested', targetId: subject.agentId })).toBe(1);
    expect(await subject.evaluate(NOW)).toMatchObject({ status: 'deleted', transition: null, nextEvaluationAt: null });
    expect(
      await evaluateEnforcement(database, { agentId: 'agt_none', trigger: 'timer', now: NOW, isFlow: true }),
    ).toBeNull();
    await expect(operate(subject.agentId, { kind: 'reinstate' }, NOW)).rejects.toMatchObject({
      code: 'AGENT_NOT_FOUND',
    });
    expect(await subject.status()).toBe('deleted');
  });

  test('social#18, social#G4: fifty blockers at once and as many evaluations: one transition', async () => {
    const subject = await createSubject(database);
    const witnesses = await subject.witnesses(45);
    await Promise.all(
      witnesses.map(async (from) => {
        await setBlock(database, { from, to: subject.agentId, at: NOW });
        await subject.evaluate(NOW);
      }),
    );
    expect(await subject.status()).toBe('restricted');
    expect(await subject.transitions()).toHaveLength(1);
    expect((await subject.evaluate(NOW)).counts.blocksInDay).toBe(45);
  });

  test('social#G5: an operator or a deletion in between wins over a decision that was computed before', async () => {
    for (let round = 0; round < 10; round += 1) {
      const subject = await createSubject(database);
      await subject.blockedBy(await subject.witnesses(15), NOW);
      const isDeletion = round % 2 === 0;
      await Promise.all([
        subject.evaluate(NOW),
        subject.evaluate(NOW),
        isDeletion ? deleteAgent(database, subject.agentId, NOW) : operate(subject.agentId, { kind: 'suspend' }, NOW),
      ]);
      const status = isDeletion ? 'deleted' : 'suspended';
      expect(await subject.status()).toBe(status);
      expect((await subject.evaluate(NOW)).status).toBe(status);
      const numbers = (await subject.transitions()).map(({ number }) => number);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  });

  test('social#G11: what an operator set is lifted by operators only, and every action is audited', async () => {
    const subject = await createSubject(database);
    await operate(subject.agentId, { kind: 'restrict' }, NOW);
    expect(await subject.evaluate(after(DAY_MS))).toMatchObject({
      status: 'restricted',
      source: 'operator',
      nextEvaluationAt: null,
    });
    await expect(operate(subject.agentId, { kind: 'hold', isSticky: false }, NOW)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
    await operate(subject.agentId, { kind: 'suspend' }, after(1));
    await expect(operate(subject.agentId, { kind: 'restrict' }, NOW)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
    await operate(subject.agentId, { kind: 'reinstate' }, after(2));
    await expect(operate(subject.agentId, { kind: 'hold', isSticky: true }, NOW)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
    await subject.blockedBy(await subject.witnesses(15), after(2));
    await subject.evaluate(after(2));
    await operate(subject.agentId, { kind: 'hold', isSticky: true }, after(3));
    expect((await subject.evaluate(after(2 * DAY_MS))).status).toBe('restricted');
    await operate(subject.agentId, { kind: 'hold', isSticky: false }, after(2 * DAY_MS));
    expect((await subject.evaluate(after(2 * DAY_MS))).status).toBe('active');
    const audit = await database.auditEvents
      .find({ targetId: subject.agentId, actorType: 'operator' })
      .sort({ createdAt: 1 })
      .toArray();
    expect(audit.map(({ action, actorId, metadata }) => [action, actorId, metadata.to ?? metadata.is_sticky])).toEqual([
      ['agent.status_changed', 'ada', 'restricted'],
      ['agent.status_changed', 'ada', 'suspended'],
      ['agent.status_changed', 'ada', 'active'],
      ['agent.enforcement_changed', 'ada', true],
      ['agent.enforcement_changed', 'ada', false],
    ]);
  });

  test('social#G3: a report counts once its reporter unblocks and the reported agent wrote first', async () => {
    const subject = await createSubject(database);
    const reporters = await subject.witnesses(12, { isStranger: true });
    await subject.reportedBy(reporters, NOW);
    for (const from of reporters) await removeBlock(database, { from, to: subject.agentId, at: NOW });
    for (const [index, from] of reporters.entries()) {
      // Two of them wrote first themselves: theirs never count.
      const [opener, other] = index < 2 ? [from, subject.agentId] : [subject.agentId, from];
      await wroteFirst(database, opener, other);
    }
    expect(await subject.evaluate(NOW)).toMatchObject({ status: 'suspended', counts: { reportsInWeek: 10 } });
    expect(await database.reports.countDocuments({ reportedId: subject.agentId, isUndecided: true })).toBe(0);
  });
});
