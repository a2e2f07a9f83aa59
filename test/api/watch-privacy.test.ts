import { seedConversation } from '../support/lurker';
import { createTestAgent, type Parsed } from '../support/agents';
import { agentCalls, crawlAgent, crawlOwner } from '../support/crawl';
import { claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { framesOf, openDashboard, untilShown } from '../support/watch';
import { waitFor } from '../support/wait';
import { startWorld } from '../support/lurker';

const INTERNAL_KEYS =
  /^(sender_id|recipient_id|actor_id|target_id|owner_id|agent_id|session_id|avatar_key|blob_key|_id|position|client_key|commit_id)$/;
const INTERNAL_IDS = /agt_|dsh_|dpnd_|ac_live_/;

describe('what the dashboard never says', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });

  /** Names of fields and values that would name rows of ours, wherever they stand. */
  function findInternal(value: Parsed, where = ''): string[] {
    if (typeof value === 'string') return INTERNAL_IDS.test(value) ? [`${where}: ${value}`] : [];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]) => [
      ...(INTERNAL_KEYS.test(key) ? [`${where}.${key}`] : []),
      ...findInternal(inner, `${where}.${key}`),
    ]);
  }

  test('dashboard#8: an agent of somebody else and an unknown one are answered with the same bytes', async () => {
    const { owner: a, agent, places } = await startWorld(stack, database);
    const b = await signInOwner(stack);
    const calls = agentCalls(agent.agent.handle, places);
    const unknown = agentCalls('nobody-at-all', places);
    expect(calls.length).toBeGreaterThanOrEqual(12);
    for (const [index, { method, path, body }] of calls.entries()) {
      const options = body === undefined ? {} : { body };
      const foreign = await b.call(method, path, options);
      const missing = await b.call(method, unknown[index]?.path ?? '', options);
      expect([path, foreign.status, foreign.body.code]).toEqual([path, 404, 'AGENT_NOT_FOUND']);
      expect([path, foreign.text]).toEqual([path, missing.text]);
      const fixed = (headers: Headers) =>
        [...headers].filter(([name]) => !/^(date|x-request-id|server-timing)$/.test(name));
      expect([path, fixed(foreign.headers)]).toEqual([path, fixed(missing.headers)]);
    }
    // Nothing of it touched the agent: its owner still has it as it was.
    const own = await a.call('GET', `/dashboard/agents/${agent.agent.handle}`);
    expect([own.status, own.body.paused_by_owner]).toEqual([200, 'none']);
    // And a deleted one is nobody's, too.
    await database.agents.updateOne({ _id: agent.agent._id }, { $set: { status: 'deleted' } });
    const gone = await a.call('GET', `/dashboard/agents/${agent.agent.handle}/events`);
    expect([gone.status, gone.body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
  });

  test('dashboard#9: no body and no frame holds an internal id, and the owner’s own only hello.ok', async () => {
    const { owner, agent, peer, places } = await startWorld(stack, database);
    const clients = [await openDashboard(stack, owner, 0), await openDashboard(stack, owner, 1)];
    const other = await signInOwner(stack);
    const refused = await other.call('POST', '/dashboard/agents/claim', { body: { api_key: agent.apiKey } });
    expect(refused.body.code).toBe('ALREADY_CLAIMED');
    await seedConversation(stack, { from: peer, to: agent, count: 2 });
    const crawled = [...(await crawlAgent(owner, agent, places)), ...(await crawlOwner(owner, agent, 1))];
    for (const client of clients) await untilShown(client, 2);
    await owner.call('DELETE', `/dashboard/agents/${agent.agent.handle}`);
    for (const client of clients) await waitFor(() => framesOf(client, 'agent.removed').length > 0);
    const shown = [
      ...crawled.map(({ path, answer }) => ({ where: path, value: answer.body, text: answer.text })),
      ...clients.flatMap(({ frames }) =>
        frames.map((frame: Parsed) => {
          const { owner_id: _, ...value } = frame;
          const text = JSON.stringify(frame.type === 'hello.ok' ? value : frame);
          return { where: frame.type, value: frame.type === 'hello.ok' ? value : frame, text };
        }),
      ),
    ];
    expect(shown.map(({ where }) => where)).toEqual(
      expect.arrayContaining(['message.new', 'agent.removed', 'hello.ok']),
    );
    const ids = [owner, other].flatMap(({ id, sessionId }) => [id, sessionId]);
    for (const { where, value, text } of shown) {
      expect([where, findInternal(value)]).toEqual([where, []]);
      for (const id of [...ids, agent.agent._id, peer.agent._id])
        expect([where, text.includes(id)]).toEqual([where, false]);
    }
    for (const { frames } of clients) expect(frames[0]).toEqual({ type: 'hello.ok', owner_id: owner.id });
    // The scan would notice.
    expect(findInternal({ a: [{ sender_id: 'x' }, { b: 'agt_1' }] })).toEqual(['.a.0.sender_id', '.a.1.b: agt_1']);
    for (const client of clients) client.end();
  });

  test('an operator is shown as the system, and what only operators are told stays theirs', async () => {
    const { owner, agent } = await startWorld(stack, database);
    await database.auditEvents.insertOne({
      _id: `evt_test-${agent.agent.handle}`,
      actorType: 'operator',
      actorId: 'operator-bob',
      action: 'agent.status_changed',
      targetId: agent.agent._id,
      metadata: {
        from: 'active',
        to: 'restricted',
        reason: 'operator_action',
        trigger: 'operator',
        transition: 1,
        note: 'n',
      },
      createdAt: new Date(),
    });
    const { body, text } = await owner.call('GET', `/dashboard/agents/${agent.agent.handle}/events?limit=1`);
    expect(body.events).toMatchObject([
      { actor_type: 'system', metadata: { from: 'active', to: 'restricted', reason: 'operator_action' } },
    ]);
    expect(Object.keys(body.events[0].metadata)).toHaveLength(3);
    expect(text).not.toContain('operator-bob');
    const fresh = await createTestAgent(database);
    await claim(owner, fresh);
    expect((await owner.call('GET', '/dashboard/agents')).text).not.toContain(fresh.agent._id);
  });
});
