import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { call, createTestAgent, createTestAgents, type CallOptions, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { pretendBacklog } from '../support/backlog';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient } = jest.requireActual<typeof Sdk>('agentchatme');

describe('the contact book', () => {
  const { stack, database, url } = useStack({ workers: 0 });

  const agent = (handle?: string): Promise<TestAgent> =>
    createTestAgent(database, handle === undefined ? {} : { handle });
  const as = (who: TestAgent, method: string, path: string, options: CallOptions = {}) =>
    call(url(), method, path, { key: who.apiKey, ...options });
  const add = (who: TestAgent, handle: string, notes?: string | null) =>
    as(who, 'POST', '/v1/contacts', { body: { handle, ...(notes === undefined ? {} : { notes }) } });
  const send = (from: TestAgent, to: TestAgent, id: string) =>
    as(from, 'POST', '/v1/messages', { body: { to: to.agent.handle, client_msg_id: id, content: 'hi' } });
  const handlesOf = async (who: TestAgent) =>
    (await as(who, 'GET', '/v1/contacts')).body.contacts.map((row: { handle: string }) => row.handle);

  test('social#1: however the handle is typed it is one entry; a repeat keeps time and notes', async () => {
    const [me, other] = [await agent(), await agent()];
    const { handle } = other.agent;
    const first = await add(me, handle, 'met at the fair');
    expect(first).toMatchObject({
      status: 201,
      body: { handle, status: 'active', display_name: null, description: null, avatar_url: null },
    });
    expect(Object.keys(first.body).sort()).toEqual(
      ['added_at', 'avatar_url', 'description', 'display_name', 'handle', 'notes', 'status'].sort(),
    );
    for (const typed of [`@${handle}`, handle.toUpperCase()]) expect((await add(me, typed)).body).toEqual(first.body);
    expect((await add(me, handle, null)).body.notes).toBe('met at the fair');
    expect((await add(me, handle, 'changed')).body).toEqual({ ...first.body, notes: 'changed' });
    const self = await add(me, me.agent.handle);
    expect([self.status, self.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect((await as(me, 'GET', '/v1/contacts')).body).toMatchObject({ total: 1, limit: 50, offset: 0 });
    for (const unknown of ['nobody-here', `@@${handle}`, '$where']) {
      expect((await add(me, unknown)).body.code).toBe('AGENT_NOT_FOUND');
    }
    for (const body of ['{bad', {}, { handle: '' }, { handle: 5 }, { handle, notes: 5 }, []]) {
      expect((await as(me, 'POST', '/v1/contacts', { body })).body.code).toBe('VALIDATION_ERROR');
    }
  });

  test('twenty adds at once make one entry and all answer 201', async () => {
    const [me, other] = [await agent(), await agent()];
    const answers = await Promise.all(Array.from({ length: 20 }, () => add(me, other.agent.handle)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(new Set(answers.map(({ body }) => body.added_at)).size).toBe(1);
  });

  test('social#2: the SDK iterates over 101 contacts once each, and the total is right past the end', async () => {
    const me = await agent();
    const others = await createTestAgents(database, 101);
    await Promise.all(others.map((other) => add(me, other.agent.handle)));
    const client = new AgentChatClient({ apiKey: me.apiKey, baseUrl: url() });
    const seen: string[] = [];
    for await (const contact of client.contacts({ pageSize: 200 })) seen.push(contact.handle);
    expect(seen).toEqual(others.map(({ agent: { handle } }) => handle).sort());
    const past = await as(me, 'GET', '/v1/contacts?limit=200&offset=500');
    expect(past.body).toEqual({ contacts: [], total: 101, limit: 100, offset: 500 });
  });

  test('conventions#8: limit and offset are clamped, never refused', async () => {
    const me = await agent();
    const cases: [string, number, number][] = [
      ['limit=0', 1, 0],
      ['limit=-5', 1, 0],
      ['limit=1e9', 100, 0],
      ['limit=2.7', 2, 0],
      ['limit=abc&offset=abc', 50, 0],
      ['limit=&offset=', 50, 0],
      ['offset=-1', 50, 0],
      ['offset=1e30', 50, 2_147_483_647],
      ['limit=Infinity&offset=NaN', 100, 0],
    ];
    for (const [query, limit, offset] of cases) {
      const { status, body } = await as(me, 'GET', `/v1/contacts?${query}`);
      expect([query, status, body]).toEqual([query, 200, { contacts: [], total: 0, limit, offset }]);
    }
  });

  test('social#3: a restricted contact is listed; a suspended one is not, and returns with its notes', async () => {
    const [me, limited, gone, ended] = await Promise.all([agent(), agent(), agent(), agent()]);
    for (const other of [limited, gone, ended]) await add(me, other.agent.handle, 'kept');
    await setStatus(database, limited.agent._id, 'restricted', new Date());
    await setStatus(database, gone.agent._id, 'suspended', new Date());
    await deleteAgent(database, ended.agent._id, new Date());
    const hidden = await as(me, 'GET', '/v1/contacts');
    expect(hidden.body).toMatchObject({ total: 1, contacts: [{ handle: limited.agent.handle, status: 'restricted' }] });
    expect((await add(me, gone.agent.handle)).body.code).toBe('AGENT_NOT_FOUND');
    await setStatus(database, gone.agent._id, 'active', new Date());
    expect((await as(me, 'GET', '/v1/contacts')).body.total).toBe(2);
    expect((await as(me, 'GET', `/v1/contacts/${gone.agent.handle}`)).body).toMatchObject({
      is_contact: true,
      notes: 'kept',
    });
  });

  test('social#3: list and total are right while the books of a changed account are still being rewritten', async () => {
    const [me, gone, back] = await Promise.all([agent(), agent(), agent()]);
    for (const other of [gone, back]) await add(me, other.agent.handle);
    await setStatus(database, back.agent._id, 'suspended', new Date());
    // As a crash between the commit and the rewriting of the books leaves it.
    for (const { agent: changed, status } of [
      { agent: gone.agent, status: 'suspended' as const },
      { agent: back.agent, status: 'active' as const },
    ]) {
      await database.agents.updateOne({ _id: changed._id }, { $set: { status } });
      await database.outbox.insertOne({
        _id: `obx_${changed._id}`,
        kind: 'contacts.visibility',
        targetId: changed._id,
        createdAt: new Date(),
      });
    }
    const { body } = await as(me, 'GET', '/v1/contacts');
    expect(body).toMatchObject({ total: 1, contacts: [{ handle: back.agent.handle }] });
    await stack.startWorker();
    await waitFor(async () => (await database.outbox.countDocuments({ kind: 'contacts.visibility' })) === 0);
    expect((await as(me, 'GET', '/v1/contacts')).body).toEqual(body);
    expect(await database.contacts.countDocuments({ ownerId: me.agent._id, isHidden: true })).toBe(1);
  });

  test('social#4: notes hold 1000 UTF-16 units; null and "" clear; a missing key is refused', async () => {
    const [me, other, stranger] = await Promise.all([agent(), agent(), agent()]);
    await add(me, other.agent.handle);
    const patch = (body: unknown, who = other) => as(me, 'PATCH', `/v1/contacts/${who.agent.handle}`, { body });
    const notes = async () => (await as(me, 'GET', `/v1/contacts/%40${other.agent.handle}`)).body.notes;
    expect((await patch({ notes: '😀'.repeat(500) })).body).toEqual({ ok: true });
    expect(await notes()).toBe('😀'.repeat(500));
    for (const body of [{ notes: 'x'.repeat(1_001) }, {}, { notes: 5 }, '{bad', { note: 'typo' }]) {
      expect((await patch(body)).body.code).toBe('VALIDATION_ERROR');
    }
    expect(await notes()).toBe('😀'.repeat(500));
    for (const empty of [null, '']) {
      await patch({ notes: 'x' });
      expect((await patch({ notes: empty })).status).toBe(200);
      expect(await notes()).toBeNull();
    }
    expect((await patch({ notes: 'x' }, stranger)).body.code).toBe('NOT_FOUND');
    expect((await as(me, 'PATCH', '/v1/contacts/nobody-here', { body: { notes: 'x' } })).body.code).toBe(
      'AGENT_NOT_FOUND',
    );
    expect((await as(me, 'PATCH', '/v1/contacts/nobody-here', { body: {} })).body.code).toBe('VALIDATION_ERROR');
    expect(await handlesOf(me)).toEqual([other.agent.handle]);
  });

  test('the check masks who exists, in the shape that the SDK knows', async () => {
    const [me, stranger] = [await agent(), await agent()];
    const unknown = await as(me, 'GET', '/v1/contacts/nobody-here');
    const known = await as(me, 'GET', `/v1/contacts/${stranger.agent.handle}`);
    expect([known.status, known.text]).toEqual([unknown.status, unknown.text]);
    expect(unknown).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', details: { is_contact: false, added_at: null, notes: null } },
    });
  });

  test('a removed contact is gone with its notes; a second removal is 404; clean-up reaches hidden accounts', async () => {
    const [me, other, gone] = await Promise.all([agent(), agent(), agent()]);
    await add(me, other.agent.handle, 'old');
    await add(me, gone.agent.handle);
    const remove = (handle: string) => as(me, 'DELETE', `/v1/contacts/${handle}`);
    expect((await remove(`@${other.agent.handle}`)).body).toEqual({ ok: true });
    expect((await remove(other.agent.handle)).body.code).toBe('NOT_FOUND');
    expect((await remove('nobody-here')).body.code).toBe('AGENT_NOT_FOUND');
    expect((await add(me, other.agent.handle)).body.notes).toBeNull();
    await setStatus(database, gone.agent._id, 'suspended', new Date());
    expect((await as(me, 'PATCH', `/v1/contacts/${gone.agent.handle}`, { body: { notes: 'x' } })).status).toBe(200);
    expect((await remove(gone.agent.handle)).status).toBe(200);
    const again = await remove(gone.agent.handle);
    expect([again.body, again.status]).toEqual([(await remove('nobody-here')).body, 404]);
  });

  test('social#5: a reply makes both contacts once; a contact that was removed does not come back', async () => {
    const [a, b] = [await agent(), await agent()];
    await add(a, b.agent.handle, 'my note');
    await send(a, b, 'open');
    expect(await handlesOf(b)).toEqual([]);
    await send(b, a, 'reply');
    expect([await handlesOf(a), await handlesOf(b)]).toEqual([[b.agent.handle], [a.agent.handle]]);
    expect((await as(a, 'GET', `/v1/contacts/${b.agent.handle}`)).body.notes).toBe('my note');
    await as(b, 'DELETE', `/v1/contacts/${a.agent.handle}`);
    await send(a, b, 'more');
    await send(b, a, 'and more');
    expect(await handlesOf(b)).toEqual([]);
  });

  test('social#6: a reply that is refused for backlog makes no contact', async () => {
    const [a, b] = [await agent(), await agent()];
    await send(a, b, 'open');
    await pretendBacklog(database, a.agent._id, 10_000);
    expect((await send(b, a, 'reply')).body.code).toBe('RECIPIENT_BACKLOGGED');
    expect([await handlesOf(a), await handlesOf(b)]).toEqual([[], []]);
  });
});
