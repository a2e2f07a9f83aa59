import { randomBytes } from 'node:crypto';
import { inboxInId, senderGuardId } from '../../domain/guards';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { withTransaction } from '../../store/schema/database';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { call, createTestAgent, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';

/** A node remembers the callers of its sends; what changed about them elsewhere must count at once all the same. */
describe('a sender that this node knows from before', () => {
  const { database, url } = useStack({ workers: 0 });

  const post = (from: TestAgent, to: string, content: unknown = { text: 'hello' }) =>
    call(url(), 'POST', '/v1/messages', {
      key: from.apiKey,
      body: { to, client_msg_id: randomBytes(8).toString('hex'), content },
    });

  /** Two agents that have written to each other through this node. */
  async function acquainted(): Promise<[TestAgent, TestAgent]> {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    expect((await post(one, other.agent.handle)).status).toBe(201);
    expect((await post(other, one.agent.handle)).status).toBe(201);
    expect((await post(one, other.agent.handle)).status).toBe(201);
    return [one, other];
  }

  const nothingNew = async (one: TestAgent, before: number) =>
    expect(await database.messages.countDocuments({ senderId: one.agent._id })).toBe(before);

  it('gets 401 for an old key, whatever else is wrong with the request', async () => {
    const [one, other] = await acquainted();
    const next = hashApiKey(newApiKey());
    await withTransaction(database, async (session) => {
      await database.agents.updateOne(
        { _id: one.agent._id },
        { $set: { apiKeyHash: next }, $inc: { keyVersion: 1 } },
        { session },
      );
      await database.guards.updateOne(
        { _id: senderGuardId(one.agent._id) },
        { $inc: { keyVersion: 1, v: 1 } },
        { session },
      );
    });
    for (const content of [{ text: 'hello' }, { text: 7 }]) {
      const answer = await post(one, other.agent.handle, content);
      expect([answer.status, answer.body.code]).toEqual([401, 'UNAUTHORIZED']);
    }
    expect((await post(one, 'nobody-at-all')).status).toBe(401);
    await nothingNew(one, 2);
  });

  it.each([
    ['suspended', 403, 'SUSPENDED'],
    ['deleted', 401, 'UNAUTHORIZED'],
  ] as const)(
    'is refused when it was %s elsewhere, also for an invalid body and a repeat',
    async (state, status, code) => {
      const [one, other] = await acquainted();
      const repeat = { to: other.agent.handle, client_msg_id: 'the-same', content: { text: 'hello' } };
      expect((await call(url(), 'POST', '/v1/messages', { key: one.apiKey, body: repeat })).status).toBe(201);
      if (state === 'deleted') await deleteAgent(database, one.agent._id, new Date());
      else await setStatus(database, one.agent._id, state, new Date());
      for (const body of [repeat, { ...repeat, client_msg_id: 'another' }, { to: 7 }]) {
        const answer = await call(url(), 'POST', '/v1/messages', { key: one.apiKey, body });
        expect([answer.status, answer.body.code]).toEqual([status, code]);
      }
      await nothingNew(one, 3);
    },
  );

  it('answers a repeat with its original and counts each outcome once', async () => {
    const [one, other] = await acquainted();
    const before = await outcomes();
    const body = { to: other.agent.handle, client_msg_id: 'repeated', content: { text: 'hello' } };
    const first = await call(url(), 'POST', '/v1/messages', { key: one.apiKey, body });
    const second = await call(url(), 'POST', '/v1/messages', { key: one.apiKey, body });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.id).toBe(first.body.id);
    await database.guards.updateOne(
      { _id: inboxInId(other.agent._id) },
      { $set: { status: 'deleted' }, $inc: { v: 1 } },
    );
    expect((await post(one, other.agent.handle)).status).toBe(404);
    const after = await outcomes();
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1, 1]);
  });

  async function outcomes(): Promise<number[]> {
    const { text } = await call(url(), 'GET', '/internal/metrics');
    return ['accepted', 'replayed', 'AGENT_NOT_FOUND'].map((outcome) =>
      Number(new RegExp(`^agentchat_sends_total{outcome="${outcome}"} (\\d+)`, 'm').exec(text)?.[1] ?? 0),
    );
  }
});
