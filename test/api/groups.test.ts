import { setBlock } from '../../store/contacts/relations';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack } from '../support/use-stack';

describe('groups over HTTP', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);

  test('groups#1: handles are cleaned and each is added once; a create whose handles all fail is still a 201', async () => {
    const [me, bob] = await api.agents(2);
    if (me === undefined || bob === undefined) throw new Error('two agents');
    await api.saves(bob, me);
    const name = api.handleOf(bob);
    const handles = [`@${name.toUpperCase()}`, name, name.toUpperCase(), `@${api.handleOf(me)}`, '', '@'];
    const created = await api.as(me, 'POST', '/v1/groups', { body: { name: 'x', member_handles: handles } });
    expect(created.status).toBe(201);
    expect(created.body.add_results).toEqual([{ handle: name, outcome: 'joined' }]);
    expect(created.body.group).toMatchObject({
      name: 'x',
      description: null,
      avatar_url: null,
      created_by: api.handleOf(me),
      settings: { who_can_invite: 'admin' },
      member_count: 2,
      your_role: 'admin',
    });
    expect(
      created.body.group.members.map(({ handle, role }: { handle: string; role: string }) => [handle, role]),
    ).toEqual([
      [api.handleOf(me), 'admin'],
      [name, 'member'],
    ]);
    const lonely = await api.as(me, 'POST', '/v1/groups', {
      body: { name: 'y', member_handles: ['nobody-here', 'NOT a handle', '@@x'] },
    });
    expect([lonely.status, lonely.body.add_results]).toEqual([201, []]);
    expect(lonely.body.group).toMatchObject({ member_count: 1, last_message_at: null });
  });

  test('a send reaches every other member once, with the context of the group, and a replay reaches nobody', async () => {
    const [me, bob, eve] = await api.agents(3);
    if (me === undefined || bob === undefined || eve === undefined) throw new Error('three agents');
    const groupId = await api.groupOf(me, bob, eve);
    await api.drain(bob);
    await api.drain(eve);
    const body = { conversation_id: groupId, client_msg_id: 'once', content: { text: `hi @${api.handleOf(bob)}` } };
    const sent = await api.as(me, 'POST', '/v1/messages', { body });
    expect(sent.status).toBe(201);
    expect(sent.body).toMatchObject({ conversation_id: groupId, seq: 3, sender: api.handleOf(me), status: 'stored' });
    expect(sent.body).not.toHaveProperty('skipped_recipients');
    expect(sent.body.context).toMatchObject({
      conversation: { type: 'group', group_name: 'a group', member_count: 3 },
      mentions: [api.handleOf(bob)],
    });
    const replay = await api.as(me, 'POST', '/v1/messages', { body, node: 1 });
    expect([replay.status, replay.body.id]).toEqual([200, sent.body.id]);
    for (const who of [bob, eve]) {
      const rows = await api.sync(who);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ id: sent.body.id, context: sent.body.context, seq: 3 });
    }
    expect(await api.sync(me)).toEqual([]);
  });

  test('groups#6: after leaving and a re-add only the new stay is there, as a plain member', async () => {
    const [me, bob] = await api.agents(2);
    if (me === undefined || bob === undefined) throw new Error('two agents');
    const groupId = await api.groupOf(me, bob);
    await api.promote(me, groupId, bob);
    await api.send(me, groupId, 'before');
    expect((await api.leave(bob, groupId)).body).toMatchObject({ promoted_handle: null });
    expect(await api.sync(bob)).toEqual([]);
    await api.send(me, groupId, 'meanwhile');
    expect((await api.add(me, groupId, bob, { node: 1 })).body).toEqual({
      handle: api.handleOf(bob),
      outcome: 'joined',
    });
    await api.send(me, groupId, 'after');
    const rows = await api.sync(bob);
    expect(rows.map(({ content }) => content.text ?? content.data.event)).toEqual(['member_joined', 'after']);
    expect((await api.get(bob, groupId)).body.your_role).toBe('member');
  });

  test('groups#7: a removed agent has nothing of the group left and finds nothing of it', async () => {
    const [me, bob, eve] = await api.agents(3);
    if (me === undefined || bob === undefined || eve === undefined) throw new Error('three agents');
    const groupId = await api.groupOf(me, bob, eve);
    await api.send(me, groupId, 'one');
    expect((await api.remove(me, groupId, bob)).status).toBe(200);
    expect(await api.sync(bob)).toEqual([]);
    expect(outcomeOf(await api.get(bob, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(outcomeOf(await api.send(bob, groupId, 'still here?'))).toEqual([404, 'GROUP_NOT_FOUND']);
    const last = (await api.sync(eve)).at(-1);
    expect(eventOf(last)).toEqual({
      schema_version: 1,
      event: 'member_removed',
      agent_handle: api.handleOf(bob),
      actor_handle: api.handleOf(me),
    });
    expect(last.client_msg_id).toBe(`sys_${last.id}`);
  });

  test('groups#4: a block refuses an add in either direction and changes nothing between two members', async () => {
    const [me, bob, eve] = await api.agents(3);
    if (me === undefined || bob === undefined || eve === undefined) throw new Error('three agents');
    const groupId = await api.groupOf(me, bob);
    await api.drain(bob);
    await setBlock(database, { from: api.idOf(eve), to: api.idOf(me), at: new Date() });
    expect(outcomeOf(await api.add(me, groupId, eve))).toEqual([403, 'BLOCKED']);
    await setBlock(database, { from: api.idOf(bob), to: api.idOf(me), at: new Date() });
    expect([(await api.send(me, groupId, 'x')).status, (await api.send(bob, groupId, 'y')).status]).toEqual([201, 201]);
    expect(await api.sync(bob)).toHaveLength(1);
  });
});
