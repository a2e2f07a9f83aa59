import { setStatus } from '../../store/accounts/account-facts';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack } from '../support/use-stack';

describe('roles, metadata and who may do what in a group', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);

  test('groups#8: the earliest joiner follows the last admin, in two messages; then it is the last admin', async () => {
    const [me, first, second] = await api.three();
    const groupId = await api.groupOf(me, first, second);
    await Promise.all([api.drain(first), api.drain(second)]);
    expect((await api.leave(me, groupId)).body).toMatchObject({ promoted_handle: api.handleOf(first) });
    const rows = await api.sync(second);
    expect(rows.map((row) => [row.sender, eventOf(row)])).toEqual([
      [api.handleOf(me), { schema_version: 1, event: 'member_left', agent_handle: api.handleOf(me) }],
      [
        api.handleOf(first),
        { schema_version: 1, event: 'admin_promoted', agent_handle: api.handleOf(first), actor_handle: null },
      ],
    ]);
    expect(rows[1].seq).toBe(rows[0].seq + 1);
    expect((await api.sync(first)).map(eventOf)).toMatchObject([{ event: 'member_left' }]);
    expect(outcomeOf(await api.demote(first, groupId, first))).toEqual([400, 'LAST_ADMIN']);
    expect(outcomeOf(await api.leave(me, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
  });

  test('groups#9: an admin who leaves beside another promotes nobody; the last one out leaves an empty group', async () => {
    const [me, other, invitee] = await api.three();
    const groupId = await api.groupOf(me, other);
    const { body } = await api.add(me, groupId, invitee);
    await api.promote(me, groupId, other);
    expect((await api.leave(me, groupId)).body.promoted_handle).toBeNull();
    expect((await api.leave(other, groupId)).body.promoted_handle).toBeNull();
    expect(await api.invites(invitee)).toEqual([]);
    expect(outcomeOf(await api.accept(invitee, body.invite_id))).toEqual([404, 'INVITE_NOT_FOUND']);
    for (const who of [me, other]) {
      expect(outcomeOf(await api.get(who, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
      expect(outcomeOf(await api.deleteGroup(who, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
    }
  });

  test('groups#10: who may delete: the creator while its account is healthy, else any admin', async () => {
    const [me, admin, member] = await api.three();
    const stranger = await api.agent();
    const groupId = await api.groupOf(me, admin, member);
    await api.promote(me, groupId, admin);
    expect(outcomeOf(await api.deleteGroup(admin, groupId))).toEqual([403, 'FORBIDDEN']);
    await api.leave(me, groupId);
    expect(outcomeOf(await api.deleteGroup(me, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(outcomeOf(await api.deleteGroup(admin, groupId))).toEqual([403, 'FORBIDDEN']);
    expect(outcomeOf(await api.deleteGroup(member, groupId))).toEqual([403, 'FORBIDDEN']);
    expect(outcomeOf(await api.deleteGroup(stranger, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
    await setStatus(database, api.idOf(me), 'suspended', new Date());
    expect(outcomeOf(await api.deleteGroup(member, groupId))).toEqual([403, 'FORBIDDEN']);
    expect((await api.deleteGroup(admin, groupId, { node: 1 })).status).toBe(200);
  });

  test('a creator who comes back is a plain member whom nobody can remove or demote, and may still delete', async () => {
    const [me, admin] = await api.two();
    const groupId = await api.groupOf(me, admin);
    await api.leave(me, groupId);
    await api.saves(me, admin);
    expect((await api.add(admin, groupId, me)).body.outcome).toBe('joined');
    expect((await api.get(me, groupId)).body).toMatchObject({ your_role: 'member', created_by: api.handleOf(me) });
    expect(outcomeOf(await api.remove(admin, groupId, me))).toEqual([403, 'FORBIDDEN']);
    expect(outcomeOf(await api.demote(admin, groupId, me))).toEqual([403, 'FORBIDDEN']);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
  });

  test('groups#11: each changed field is announced once and in order, an equal value never', async () => {
    const [me, member] = await api.two();
    const groupId = await api.groupOf(me, member);
    await api.drain(member);
    const patch = (body: unknown) => api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body });
    const url = 'https://example.com/a.png';
    const changed = await patch({ avatar_url: url, description: 'new', name: 'new name' });
    expect(changed.body).toMatchObject({ name: 'new name', description: 'new', avatar_url: url, your_role: 'admin' });
    const actor_handle = api.handleOf(me);
    expect((await api.drain(member)).map(eventOf)).toEqual([
      { schema_version: 1, event: 'name_changed', new_name: 'new name', actor_handle },
      { schema_version: 1, event: 'description_changed', actor_handle },
      { schema_version: 1, event: 'avatar_changed', actor_handle },
    ]);
    for (const same of [
      { avatar_url: url, description: 'new', name: 'new name' },
      {},
      { settings: { who_can_invite: 'admin' } },
    ]) {
      expect((await patch(same)).status).toBe(200);
    }
    expect(await api.sync(member)).toEqual([]);
    expect((await patch({ avatar_url: null, description: null })).body).toMatchObject({
      avatar_url: null,
      description: null,
    });
    expect((await api.sync(member)).map((row) => eventOf(row).event)).toEqual([
      'description_changed',
      'avatar_changed',
    ]);
    expect(outcomeOf(await api.as(member, 'PATCH', `/v1/groups/${groupId}`, { body: { name: 'x' } }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    expect(outcomeOf(await api.as(member, 'PATCH', `/v1/groups/${groupId}`, { body: { name: '' } }))).toEqual([
      400,
      'VALIDATION_ERROR',
    ]);
  });

  test('promote, demote and remove: their messages, their refusals in order, members in any account state', async () => {
    const [me, member, other] = await api.three();
    const stranger = await api.agent();
    const groupId = await api.groupOf(me, member, other);
    await api.drain(member);
    expect((await api.promote(me, groupId, member)).status).toBe(200);
    expect(outcomeOf(await api.promote(me, groupId, member))).toEqual([404, 'NOT_MEMBER']);
    expect((await api.demote(me, groupId, member)).status).toBe(200);
    const pair = { agent_handle: api.handleOf(member), actor_handle: api.handleOf(me) };
    expect((await api.sync(member)).map(eventOf)).toEqual([
      { schema_version: 1, event: 'admin_promoted', ...pair },
      { schema_version: 1, event: 'admin_demoted', ...pair },
    ]);
    expect(outcomeOf(await api.demote(me, groupId, member))).toEqual([400, 'NOT_ADMIN']);
    const nobody = (verb: string, method = 'POST') =>
      api.as(me, method, `/v1/groups/${groupId}/members/nobody-here${verb}`).then(outcomeOf);
    expect([await nobody('/promote'), await nobody('/demote'), await nobody('', 'DELETE')]).toEqual(
      Array.from({ length: 3 }, () => [404, 'AGENT_NOT_FOUND']),
    );
    for (const call of [api.promote, api.demote, api.remove]) {
      expect(outcomeOf(await call(me, groupId, stranger))).toEqual([404, 'NOT_MEMBER']);
      expect(outcomeOf(await call(member, groupId, other))).toEqual([403, 'FORBIDDEN']);
      expect(outcomeOf(await call(stranger, groupId, other))).toEqual([404, 'GROUP_NOT_FOUND']);
    }
    expect(outcomeOf(await api.remove(me, groupId, me))).toEqual([400, 'VALIDATION_ERROR']);
    expect(outcomeOf(await api.demote(me, groupId, me))).toEqual([403, 'FORBIDDEN']);
    await setStatus(database, api.idOf(other), 'suspended', new Date());
    expect((await api.get(me, groupId)).body.member_count).toBe(3);
    expect((await api.remove(me, groupId, other)).status).toBe(200);
    const key = { headers: { 'idempotency-key': `leave-${groupId}` } };
    const left = await api.leave(member, groupId, key);
    const again = await api.leave(member, groupId, key);
    expect([again.status, again.text]).toEqual([200, left.text]);
  });
});
