import { addContact, setBlock } from '../../store/contacts/relations';
import { setStatus } from '../../store/accounts/account-facts';
import type { Parsed, TestAgent } from '../support/agents';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack, withStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';

describe('adding to a group', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0, env: { RATE_LIMITS: 'on' } });
  const api = groupCalls(stack, database);

  const contactsOnly = (who: TestAgent) =>
    database.agents.updateOne({ _id: api.idOf(who) }, { $set: { 'settings.groupInvitePolicy': 'contacts_only' } });

  test('groups#3: the target’s policy and its own contact book decide: joined, refused or invited', async () => {
    const [me, saver, saved] = await api.three();
    const [stranger, shy] = await api.two();
    const groupId = await api.groupOf(me);
    await api.saves(saver, me);
    await contactsOnly(saver);
    await api.saves(me, saved);
    await contactsOnly(saved);
    await addContact(database, { from: api.idOf(shy), to: api.idOf(me), at: new Date() });
    expect((await api.add(me, groupId, saver)).body).toEqual({ handle: api.handleOf(saver), outcome: 'joined' });
    expect(outcomeOf(await api.add(me, groupId, saved))).toEqual([403, 'INBOX_RESTRICTED']);
    const invited = await api.add(me, groupId, stranger);
    expect([invited.status, invited.body.outcome]).toEqual([201, 'invited']);
    expect(invited.body.invite_id).toMatch(/^gri_[A-Za-z0-9_-]{16}$/);
    expect((await api.add(me, groupId, shy)).body.outcome).toBe('joined');
    expect((await api.get(me, groupId)).body.member_count).toBe(3);
  });

  test('groups#2: the 51st counted add of a day is refused; members do not count, a repeated invitation does', async () => {
    const [me, friend, invitee] = await api.three();
    const groupId = await api.groupOf(me, friend);
    for (let index = 0; index < 3; index += 1) {
      expect((await api.add(me, groupId, friend)).body.outcome).toBe('already_member');
    }
    const results = await Promise.all(Array.from({ length: 49 }, () => api.add(me, groupId, invitee)));
    expect(new Set(results.map(({ body }) => body.outcome))).toEqual(new Set(['invited']));
    expect(new Set(results.map(({ body }) => body.invite_id)).size).toBe(1);
    const refused = await api.add(me, groupId, invitee, { node: 1 });
    expect(outcomeOf(refused)).toEqual([429, 'RATE_LIMITED']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(86_000);
    expect(refused.body.details).toMatchObject({ scope: 'group_invite', limit: 50 });
    expect((await api.add(me, groupId, friend)).body.outcome).toBe('already_member');
    const created = await api.as(me, 'POST', '/v1/groups', {
      body: { name: 'later', member_handles: [api.handleOf(friend)] },
    });
    expect([created.status, created.body.add_results]).toEqual([201, []]);
    expect(await api.invites(invitee)).toHaveLength(1);
  });

  test('an invitation is told live once, shows the group as it is now, and is answered once', async () => {
    const [me, invitee] = await api.two();
    const groupId = await api.groupOf(me);
    const socket = await SocketClient.hello(url(1), invitee.apiKey);
    const { body } = await api.add(me, groupId, invitee);
    await waitFor(() => socket.frames.some(({ type }) => type === 'group.invite.received'));
    await api.add(me, groupId, invitee);
    await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { name: 'renamed', description: 'about' } });
    const expected = {
      id: body.invite_id,
      group_id: groupId,
      group_name: 'renamed',
      group_description: 'about',
      group_avatar_url: null,
      group_member_count: 1,
      inviter_handle: api.handleOf(me),
    };
    expect(await api.invites(invitee)).toMatchObject([expected]);
    expect(outcomeOf(await api.accept(me, body.invite_id))).toEqual([404, 'INVITE_NOT_FOUND']);
    const accepted = await api.accept(invitee, body.invite_id);
    expect([accepted.status, accepted.body.your_role, accepted.body.member_count]).toEqual([200, 'member', 2]);
    expect(outcomeOf(await api.accept(invitee, body.invite_id))).toEqual([404, 'INVITE_NOT_FOUND']);
    expect(outcomeOf(await api.reject(invitee, body.invite_id))).toEqual([404, 'INVITE_NOT_FOUND']);
    expect(await api.sync(me)).toEqual([]);
    await socket.untilMessages(1);
    const [joined]: Parsed[] = socket.messages();
    expect([joined.sender, eventOf(joined)]).toEqual([
      api.handleOf(me),
      { schema_version: 1, event: 'member_joined', agent_handle: api.handleOf(invitee) },
    ]);
    expect(socket.frames.filter(({ type }) => type === 'group.invite.received')).toHaveLength(1);
    socket.end();
  });

  test('a rejected invitation leaves no trace, and the agent may be invited again', async () => {
    const [me, invitee] = await api.two();
    const groupId = await api.groupOf(me);
    const first = await api.add(me, groupId, invitee);
    expect((await api.reject(invitee, first.body.invite_id)).status).toBe(200);
    expect(await api.invites(invitee)).toEqual([]);
    const second = await api.add(me, groupId, invitee);
    expect(second.body.invite_id).not.toBe(first.body.invite_id);
    await setBlock(database, { from: api.idOf(me), to: api.idOf(invitee), at: new Date() });
    await contactsOnly(invitee);
    expect((await api.accept(invitee, second.body.invite_id)).status).toBe(200);
    expect((await api.get(me, groupId)).body.last_message_at).not.toBeNull();
  });

  test('D16: who is added at once loses a pending invitation to the same group', async () => {
    const [me, invitee] = await api.two();
    const groupId = await api.groupOf(me);
    const { body } = await api.add(me, groupId, invitee);
    await api.saves(invitee, me);
    expect((await api.add(me, groupId, invitee)).body.outcome).toBe('joined');
    expect(await api.invites(invitee)).toEqual([]);
    expect(outcomeOf(await api.accept(invitee, body.invite_id))).toEqual([404, 'INVITE_NOT_FOUND']);
  });

  test('order of checks: body, group, role, handle, account, self, block, member', async () => {
    const [me, member, stranger] = await api.three();
    const groupId = await api.groupOf(me, member);
    const add = (who: TestAgent, body: unknown, id = groupId) =>
      api.as(who, 'POST', `/v1/groups/${id}/members`, { body }).then(outcomeOf);
    expect(await add(stranger, {})).toEqual([400, 'VALIDATION_ERROR']);
    expect(await add(stranger, '{')).toEqual([400, 'VALIDATION_ERROR']);
    expect(await add(stranger, { handle: '@' })).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(await add(me, { handle: 'x' }, 'grp_unknown')).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(await add(member, { handle: '@' })).toEqual([403, 'FORBIDDEN']);
    expect(await add(me, { handle: '@' })).toEqual([400, 'VALIDATION_ERROR']);
    expect(await add(me, { handle: 'nobody-here' })).toEqual([404, 'AGENT_NOT_FOUND']);
    expect(await add(me, { handle: '\u0000$where' })).toEqual([404, 'AGENT_NOT_FOUND']);
    expect(await add(me, { handle: `@${api.handleOf(me).toUpperCase()}` })).toEqual([400, 'VALIDATION_ERROR']);
    await setStatus(database, api.idOf(stranger), 'suspended', new Date());
    expect(await add(me, { handle: api.handleOf(stranger) })).toEqual([404, 'AGENT_NOT_FOUND']);
    await setBlock(database, { from: api.idOf(me), to: api.idOf(member), at: new Date() });
    expect(await add(me, { handle: api.handleOf(member) })).toEqual([403, 'BLOCKED']);
  });

  test('bad bodies of a create are refused field by field and store nothing', async () => {
    const me = await api.agent();
    const bodies = [
      {},
      { name: '' },
      { name: 'x'.repeat(101) },
      { name: 'x', description: 'd'.repeat(501) },
      { name: 'x', avatar_url: 'javascript:alert(1)' },
      { name: 'x', avatar_url: 'not a url' },
      { name: 'x', member_handles: Array.from({ length: 256 }, (_, index) => `agent-${index}`) },
      { name: 'x', member_handles: [1] },
      { name: 'x', settings: { who_can_invite: 'everyone' } },
      [],
    ];
    for (const body of bodies) {
      expect(outcomeOf(await api.as(me, 'POST', '/v1/groups', { body }))).toEqual([400, 'VALIDATION_ERROR']);
    }
    expect(await database.memberships.countDocuments({ agentId: api.idOf(me) })).toBe(0);
    const odd = {
      name: ' \u{1F600}\u0000 ',
      description: '',
      avatar_url: 'https://example.com/a.png',
      settings: {},
      extra: 1,
    };
    const created = await api.as(me, 'POST', '/v1/groups', { body: odd });
    expect(created.body.group).toMatchObject({ name: odd.name, description: '', avatar_url: odd.avatar_url });
  });
});

test('the deployment switch `consent` turns every allowed add into an invitation', async () => {
  await withStack({ workers: 0, env: { GROUP_ADD_MODE: 'consent' } }, async ({ stack, database }) => {
    const api = groupCalls(stack, database);
    const [me, friend] = await api.two();
    await api.saves(friend, me);
    const groupId = await api.groupOf(me);
    expect((await api.add(me, groupId, friend)).body.outcome).toBe('invited');
  });
});
