import { agentActor, listAudit, recordAudit, recordAuditOnce, SYSTEM_ACTOR } from '../../store/schema/audit';
import { withTransaction } from '../../store/schema/database';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';

describe('audit events', () => {
  const database = useDatabase();

  const AT = new Date('2026-01-01T00:00:00.000Z');
  const suspended = (targetId: string, id: string, at = AT) =>
    recordAuditOnce(database, { id, actor: SYSTEM_ACTOR, action: 'agent.status_changed', targetId, at });

  test('a new agent is on record, by itself', async () => {
    const { agent } = await createTestAgent(database);
    expect(await listAudit(database, { of: { targetId: agent._id }, limit: 10 })).toEqual([
      {
        _id: expect.stringMatching(/^evt_[\w-]{16}$/),
        actorType: 'agent',
        actorId: agent._id,
        action: 'agent.created',
        targetId: agent._id,
        metadata: {},
        createdAt: agent.createdAt,
      },
    ]);
  });

  test('an event in a transaction that does not commit leaves nothing', async () => {
    const targetId = 'agt_rolled-back';
    const failing = withTransaction(database, async (session) => {
      const event = { actor: agentActor(targetId), action: 'agent.deleted', targetId, at: AT } as const;
      await recordAudit(database, event, session);
      throw new Error('the fact did not happen');
    });
    await expect(failing).rejects.toThrow('the fact did not happen');
    expect(await listAudit(database, { of: { targetId }, limit: 10 })).toEqual([]);
  });

  test('ten recordings of one transition at once leave one event', async () => {
    await Promise.all(Array.from({ length: 10 }, () => suspended('agt_once', 'evt_once')));
    expect(await listAudit(database, { of: { targetId: 'agt_once' }, limit: 10 })).toHaveLength(1);
  });

  test('pages of any size visit every event once, newest first, also those of one millisecond', async () => {
    const targetId = 'agt_paged';
    for (let index = 0; index < 9; index += 1) {
      await suspended(targetId, `evt_paged-${index}`, new Date(AT.getTime() + Math.floor(index / 3)));
    }
    for (const limit of [1, 2, 4, 10]) {
      const seen: string[] = [];
      let before: { at: Date; id: string } | undefined;
      for (;;) {
        const page = await listAudit(database, { of: { targetId }, limit, ...(before && { before }) });
        if (page.length === 0) break;
        for (const event of page) {
          seen.push(event._id);
          before = { at: event.createdAt, id: event._id };
        }
      }
      expect(seen).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0].map((index) => `evt_paged-${index}`));
    }
    const strictlyOlder = await listAudit(database, { of: { targetId }, before: { at: AT }, limit: 10 });
    expect(strictlyOlder).toEqual([]);
  });

  test('every list is one index range: no more keys are read than rows shown', async () => {
    const targetId = 'agt_many';
    for (let index = 0; index < 60; index += 1) await suspended(targetId, `evt_many-${index}`);
    for (const scope of [{ targetId }, { action: 'agent.status_changed' as const }, {}]) {
      const plan = await database.auditEvents
        .find({ ...scope, createdAt: { $lte: AT } }, { sort: { createdAt: -1, _id: -1 }, limit: 5 })
        .explain('executionStats');
      expect(plan['executionStats'].totalKeysExamined).toBeLessThanOrEqual(6);
    }
  });
});
