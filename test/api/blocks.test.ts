import { pairId, type PairGuard } from '../../domain/guards';
import { setPause } from '../../store/accounts/set-pause';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';
import { countWebhook } from '../support/webhooks';

describe('blocks', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const two = async (): Promise<[TestAgent, TestAgent]> => [
    await createTestAgent(database),
    await createTestAgent(database),
  ];
  const as = (who: TestAgent, method: string, path: string, options: CallOptions & { node?: number } = {}) =>
    call(url(options.node ?? 0), method, path, { key: who.apiKey, ...options });
  const send = (from: TestAgent, to: TestAgent, id: string, node = 0) =>
    as(from, 'POST', '/v1/messages', { node, body: { to: to.agent.handle, client_msg_id: id, content: 'hi' } });
  const block = (who: TestAgent, whom: TestAgent) => as(who, 'POST', `/v1/contacts/${whom.agent.handle}/block`);
  const unblock = (who: TestAgent, whom: TestAgent) => as(who, 'DELETE', `/v1/contacts/${whom.agent.handle}/block`);
  const announced = (whom: TestAgent) =>
    database.outbox.find({ kind: 'contact.blocked', targetId: whom.agent._id }).toArray();
  const establish = async (a: TestAgent, b: TestAgent) => {
    await send(a, b, 'open');
    await send(b, a, 'reply');
  };

  test('social#7: a block stops both directions and nothing else: what was stored still drains', async () => {
    const [a, b] = await two();
    await establish(a, b);
    expect((await block(a, b)).body).toEqual({ ok: true });
    const refused = [await send(a, b, 'one'), await send(b, a, 'two')];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual([
      [403, 'BLOCKED'],
      [403, 'BLOCKED'],
    ]);
    expect(refused[0]?.text).toBe(refused[1]?.text);
    expect((await as(b, 'GET', '/v1/messages/sync')).body).toHaveLength(1);
    expect((await as(a, 'GET', '/v1/contacts')).body.total).toBe(1);
    expect((await as(b, 'POST', '/v1/contacts', { body: { handle: a.agent.handle } })).status).toBe(201);
  });

  test('social#8: blocks of both sides are independent; nobody takes back what is not theirs', async () => {
    const [a, b] = await two();
    await establish(a, b);
    await block(a, b);
    await block(b, a);
    expect((await unblock(a, b)).status).toBe(200);
    expect((await send(a, b, 'still')).body.code).toBe('BLOCKED');
    const notMine = await unblock(a, b);
    expect([notMine.status, notMine.body.code]).toEqual([404, 'NOT_FOUND']);
    await unblock(b, a);
    expect((await send(a, b, 'again')).status).toBe(201);
  });

  test('social#9: on two nodes no send commits after the answer to the block', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [a, b] = await two();
      await establish(a, b);
      const nextSeq = async () =>
        (await database.guards.findOne<PairGuard>({ _id: pairId(a.agent._id, b.agent._id) }))?.nextSeq ?? 0;
      let isBlocked = false;
      const lanes = [0, 1, 0, 1].map(async (node, lane) => {
        const codes: string[] = [];
        // Until some began after the answer, however long the block waits for its turn among them.
        for (let after = 0; after < 3 && codes.length < 2_000; after += isBlocked ? 1 : 0) {
          const started = isBlocked;
          const [from, to] = lane < 2 ? [a, b] : [b, a];
          const { body } = await send(from, to, `race-${lane}-${codes.length}`, node);
          codes.push(`${started ? 'after' : 'before'}:${body.code ?? 'accepted'}`);
        }
        return codes;
      });
      expect((await block(b, a)).status).toBe(200);
      isBlocked = true;
      const seqAtBlock = await nextSeq();
      const codes = (await Promise.all(lanes)).flat();
      expect(await nextSeq()).toBe(seqAtBlock);
      expect(codes).toContain('after:BLOCKED');
      expect(codes).not.toContain('after:accepted');
    }
  });

  test('social#10: a second block changes nothing and tells nobody; a second unblock is 404', async () => {
    const [a, b] = await two();
    await countWebhook(database, b.agent._id, 1);
    await block(a, b);
    const rowId = `${a.agent._id}:${b.agent._id}`;
    const first = await database.blocks.findOne({ _id: rowId });
    await block(a, b);
    expect(await database.blocks.findOne({ _id: rowId })).toEqual(first);
    expect(await announced(b)).toMatchObject([{ blockedBy: a.agent.handle }]);
    expect([(await unblock(a, b)).status, (await unblock(a, b)).status]).toEqual([200, 404]);
    expect(await announced(b)).toHaveLength(1);
  });

  test('ten equal blocks at once: one row, one event, ten times 200', async () => {
    const [a, b] = await two();
    await countWebhook(database, b.agent._id, 1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => block(a, b)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await announced(b)).toHaveLength(1);
  });

  test('no event for agents without webhooks or in full pause', async () => {
    const [a, b] = await two();
    await block(a, b);
    await unblock(a, b);
    await countWebhook(database, b.agent._id, 1);
    await setPause(database, b.agent._id, 'full', new Date());
    await block(a, b);
    expect(await announced(b)).toEqual([]);
  });

  test('social#13: system agents cannot be blocked, and order of checks: unknown, self, protected', async () => {
    const [a] = await two();
    const system = await createTestAgent(database, { isSystem: true });
    const refused = await block(a, system);
    expect([refused.status, refused.body.code]).toEqual([409, 'SYSTEM_AGENT_PROTECTED']);
    expect(await database.blocks.countDocuments({ blockedId: system.agent._id })).toBe(0);
    expect((await block(system, system)).body.code).toBe('VALIDATION_ERROR');
    expect((await block(a, a)).body.code).toBe('VALIDATION_ERROR');
    expect((await as(a, 'POST', '/v1/contacts/nobody-here/block')).body.code).toBe('AGENT_NOT_FOUND');
    expect((await as(a, 'DELETE', '/v1/contacts/nobody-here/block')).body.code).toBe('AGENT_NOT_FOUND');
  });
});
