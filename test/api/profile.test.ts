import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { setBlock } from '../../store/contacts/relations';
import { call, createTestAgent, type CallOptions, type TestAgent, createTestAgents } from '../support/agents';
import { useStack } from '../support/use-stack';

const PROFILE_FIELDS = [
  'avatar_url',
  'created_at',
  'description',
  'display_name',
  'handle',
  'is_system',
  'status',
] as const;

describe('profiles', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const profile = (handle: string, options: CallOptions = {}) => call(url(1), 'GET', `/v1/agents/${handle}`, options);
  const patch = (who: TestAgent, body: unknown, path = who.agent.handle, headers = {}) =>
    call(url(), 'PATCH', `/v1/agents/${path}`, { key: who.apiKey, body, headers });
  const me = async (who: TestAgent) => (await call(url(), 'GET', '/v1/agents/me', { key: who.apiKey })).body;

  test('the public profile shows seven fields, to anybody, whatever is in the Authorization header', async () => {
    const who = await createTestAgent(database);
    await patch(who, { display_name: 'Ada', description: 'Travels' });
    const shown = await profile(who.agent.handle);
    expect(shown.status).toBe(200);
    expect(Object.keys(shown.body).sort()).toEqual(PROFILE_FIELDS);
    expect(shown.body).toMatchObject({
      handle: who.agent.handle,
      display_name: 'Ada',
      description: 'Travels',
      avatar_url: null,
      status: 'active',
      is_system: false,
      created_at: who.agent.createdAt.toISOString(),
    });
  });

  test('identity#20: a garbage Authorization header changes nothing of a profile; @me is no agent', async () => {
    const who = await createTestAgent(database);
    const plain = await profile(who.agent.handle);
    for (const authorization of ['garbage', 'Bearer nothing', 'Basic eA==']) {
      const shown = await profile(who.agent.handle, { headers: { authorization } });
      expect([shown.status, shown.text]).toEqual([200, plain.text]);
    }
    for (const path of ['@me', '%40me']) {
      expect((await profile(path, { key: who.apiKey })).body.code).toBe('AGENT_NOT_FOUND');
    }
    expect((await call(url(), 'GET', '/v1/agents/me')).status).toBe(401);
  });

  test('suspended, deleted, malformed and never registered handles give the same bytes', async () => {
    const [gone, ended] = await createTestAgents(database, 2);
    await setStatus(database, gone.agent._id, 'suspended', new Date());
    await deleteAgent(database, ended.agent._id, new Date());
    const unknown = await profile('never-registered');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
    for (const path of [gone.agent.handle, ended.agent.handle, 'x', '%00', 'a--b', '%E0%A4%A', '$where', '@@ada']) {
      const masked = await profile(path);
      expect([path, masked.status, masked.text]).toEqual([path, 404, unknown.text]);
    }
    await setStatus(database, gone.agent._id, 'active', new Date());
    expect((await profile(gone.agent.handle)).status).toBe(200);
  });

  test('restriction shows; blocks, pauses and contacts_only do not', async () => {
    const [who, other] = await createTestAgents(database, 2);
    await patch(who, { settings: { inbox_mode: 'contacts_only', discoverable: false } });
    await setPause(database, who.agent._id, 'full', new Date());
    await setBlock(database, { from: who.agent._id, to: other.agent._id, at: new Date() });
    const shown = await profile(who.agent.handle, { key: other.apiKey });
    expect([shown.status, shown.body.status, Object.keys(shown.body).sort()]).toEqual([200, 'active', PROFILE_FIELDS]);
    await setStatus(database, who.agent._id, 'restricted', new Date());
    expect((await profile(who.agent.handle)).body.status).toBe('restricted');
  });

  test('identity#21: settings are merged key by key and always shown in full', async () => {
    const who = await createTestAgent(database);
    const before = await me(who);
    expect(before.settings).toEqual({ inbox_mode: 'open', group_invite_policy: 'open', discoverable: true });
    const closed = await patch(who, { settings: { inbox_mode: 'contacts_only' } });
    expect(closed.status).toBe(200);
    expect(closed.body.settings).toEqual({ ...before.settings, inbox_mode: 'contacts_only' });
    const hidden = await patch(who, { settings: { discoverable: false, group_invite_policy: null, future: 1 } });
    expect(hidden.body.settings).toEqual({ ...before.settings, inbox_mode: 'contacts_only', discoverable: false });
    expect((await profile(who.agent.handle)).status).toBe(200);
    for (const settings of [{ inbox_mode: 'x' }, { discoverable: 'yes' }, { group_invite_policy: 1 }, 'open', [], 5]) {
      const refused = await patch(who, { display_name: 'not kept', settings });
      expect([settings, refused.status, refused.body.code]).toEqual([settings, 400, 'VALIDATION_ERROR']);
      expect(refused.body.details.fieldErrors).toHaveProperty('settings');
    }
    expect(await me(who)).toEqual(hidden.body);
  });

  test('identity#21: an empty body and one of unknown fields change nothing, not even the time', async () => {
    const who = await createTestAgent(database);
    await setStatus(database, who.agent._id, 'restricted', new Date());
    // By an operator, or the first request would lift it.
    await database.agents.updateOne({ _id: who.agent._id }, { $set: { statusSource: 'operator' } });
    const before = await me(who);
    expect(before).toMatchObject({ status: 'restricted' });
    const unknown = {
      handle: 'other-handle',
      email: 'other@example.com',
      status: 'active',
      paused_by_owner: 'full',
      avatar_url: 'https://evil.example/x.png',
      is_system: true,
      id: 'agt_chatfather',
      __proto__: { display_name: 'x' },
    };
    for (const body of [undefined, {}, unknown, { settings: {} }, { settings: null }, { display_name: null }]) {
      const answer = await patch(who, body);
      expect([body, answer.status, answer.body]).toEqual([body, 200, before]);
    }
    for (const body of ['{bad', 'null', [], '"text"', { display_name: 5 }, { description: {} }]) {
      expect((await patch(who, body)).body.code).toBe('VALIDATION_ERROR');
    }
    expect(await me(who)).toEqual(before);
  });

  test('identity#22: lengths count UTF-16 units, so an emoji is two', async () => {
    const who = await createTestAgent(database);
    const limits: [string, number][] = [
      ['display_name', 100],
      ['description', 500],
    ];
    for (const [field, max] of limits) {
      for (const text of ['x'.repeat(max), '👋'.repeat(max / 2), '  spaces <b>kept</b> ']) {
        expect((await patch(who, { [field]: text })).body[field]).toBe(text);
      }
      for (const text of ['x'.repeat(max + 1), `${'👋'.repeat(max / 2)}x`]) {
        const refused = await patch(who, { [field]: text });
        expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
        expect(Object.keys(refused.body.details.fieldErrors)).toEqual([field]);
      }
      const cleared = await patch(who, { [field]: null });
      expect([cleared.status, cleared.body[field]]).toEqual([200, null]);
    }
  });

  test("identity#19: a handle other than the caller's own is 403, whether it exists or not", async () => {
    const [who, other] = await createTestAgents(database, 2);
    const { handle } = who.agent;
    for (const path of [`@${handle}`, `%40${handle}`, handle.toUpperCase(), `%40${handle.toUpperCase()}`]) {
      expect((await patch(who, { description: path }, path)).body.description).toBe(path);
    }
    const forbidden = await patch(who, {}, other.agent.handle);
    expect([forbidden.status, forbidden.body.code]).toEqual([403, 'FORBIDDEN']);
    for (const path of ['never-registered', 'x', '@@me', `@@${handle}`]) {
      const refused = await patch(who, {}, path);
      expect([path, refused.status, refused.text]).toEqual([path, 403, forbidden.text]);
    }
  });

  test('the order of checks: key, state, body, owner', async () => {
    const [who, gone] = await createTestAgents(database, 2);
    await setStatus(database, gone.agent._id, 'suspended', new Date());
    const nobody = await call(url(), 'PATCH', '/v1/agents/never-registered', { body: '{bad' });
    expect(nobody.body.code).toBe('UNAUTHORIZED');
    expect((await patch(gone, '{bad', 'never-registered')).body.code).toBe('SUSPENDED');
    expect((await patch(who, '{bad', 'never-registered')).body.code).toBe('VALIDATION_ERROR');
    expect((await patch(who, {}, 'never-registered')).body.code).toBe('FORBIDDEN');
  });

  test('a change holds for the next request of anybody, on every node: profile, inbox mode, name on messages', async () => {
    const [who, other, third] = await createTestAgents(database, 3);
    const send = (from: TestAgent, to: TestAgent, node: number) =>
      call(url(node), 'POST', '/v1/messages', {
        key: from.apiKey,
        body: { to: to.agent.handle, client_msg_id: `m-${Math.random()}`, content: 'hi' },
      });
    expect((await send(who, other, 1)).body.context.sender.display_name).toBeNull();
    await send(other, who, 1);
    await patch(who, { display_name: 'Ada', settings: { inbox_mode: 'contacts_only' } });
    expect((await profile(who.agent.handle)).body.display_name).toBe('Ada');
    expect((await send(who, other, 1)).body.context.sender.display_name).toBe('Ada');
    expect((await send(third, who, 1)).body.code).toBe('INBOX_RESTRICTED');
    expect((await send(other, who, 1)).status).toBe(201);
  });

  test('twenty changes at once all hold, each of its own field', async () => {
    const who = await createTestAgent(database);
    const bodies = [
      { display_name: 'Ada' },
      { description: 'Travels' },
      { settings: { inbox_mode: 'contacts_only' } },
      { settings: { group_invite_policy: 'contacts_only' } },
      { settings: { discoverable: false } },
    ];
    const answers = await Promise.all([...bodies, ...bodies, ...bodies, ...bodies].map((body) => patch(who, body)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await me(who)).toMatchObject({
      display_name: 'Ada',
      description: 'Travels',
      settings: { inbox_mode: 'contacts_only', group_invite_policy: 'contacts_only', discoverable: false },
    });
  });

  test('a repeat with the same Idempotency-Key gets the first answer', async () => {
    const who = await createTestAgent(database);
    const headers = { 'idempotency-key': 'profile-change-1' };
    const first = await patch(who, { display_name: 'Ada' }, who.agent.handle, headers);
    await patch(who, { display_name: 'Other' });
    const again = await patch(who, { display_name: 'Ada' }, who.agent.handle, headers);
    expect([again.status, again.text, again.headers.get('idempotent-replay')]).toEqual([200, first.text, 'true']);
    expect((await me(who)).display_name).toBe('Other');
  });
});
