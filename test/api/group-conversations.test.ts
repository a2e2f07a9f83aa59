import { setMute } from '../../store/contacts/set-mute';
import type { TestAgent } from '../support/agents';
import { groupCalls, outcomeOf } from '../support/groups';
import { useStack } from '../support/use-stack';
import { SocketClient } from '../realtime/socket-client';
import { waitFor } from '../support/wait';
import { pretendBacklog } from '../support/backlog';

describe('a group as a conversation', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);

  const history = (who: TestAgent, groupId: string, query = '') =>
    api.as(who, 'GET', `/v1/messages/${groupId}${query}`);
  const listed = async (who: TestAgent, groupId: string) =>
    (await api.as(who, 'GET', '/v1/conversations')).body.find(({ id }: { id: string }) => id === groupId);
  const read = (who: TestAgent, messageId: string) => api.as(who, 'POST', `/v1/messages/${messageId}/read`);

  test('groups#6, messaging#21: history, previews and anchors begin at the current stay, for every cursor', async () => {
    const [me, late] = await api.two();
    const groupId = await api.groupOf(me);
    const before = await api.send(me, groupId, 'before');
    await api.saves(late, me);
    await api.add(me, groupId, late);
    const first = await history(late, groupId);
    expect(first.body.map(({ content }: { content: { data?: object } }) => content.data)).toMatchObject([
      { event: 'member_joined' },
    ]);
    expect((await listed(late, groupId)).last_message_preview).toBe('System update');
    await api.send(me, groupId, 'during');
    await api.leave(late, groupId);
    const away = await api.send(me, groupId, 'away');
    await api.add(me, groupId, late, { node: 1 });
    const last = await api.send(late, groupId, 'back');
    const seqs = async (query: string) =>
      (await history(late, groupId, query)).body.map((row: { seq: number }) => row.seq);
    const cut = last.body.seq - 1;
    expect(await seqs('')).toEqual([cut + 1, cut]);
    expect(await seqs('?after_seq=0')).toEqual([cut, cut + 1]);
    expect(await seqs(`?before_seq=${cut}`)).toEqual([]);
    for (const id of [before.body.id, away.body.id]) {
      expect(outcomeOf(await history(late, groupId, `?around_message_id=${id}`))).toEqual([404, 'MESSAGE_NOT_FOUND']);
      expect(outcomeOf(await read(late, id))).toEqual([404, 'MESSAGE_NOT_FOUND']);
      expect(outcomeOf(await api.as(late, 'DELETE', `/v1/messages/${id}`))).toEqual([404, 'MESSAGE_NOT_FOUND']);
    }
    expect((await api.as(me, 'GET', `/v1/messages/${groupId}?after_seq=0`)).body).toHaveLength(last.body.seq);
  });

  test('messaging#18: history shows a skipped message in its place, without an envelope', async () => {
    const [me, full] = await api.two();
    const groupId = await api.groupOf(me, full);
    await api.drain(full);
    await pretendBacklog(database, api.idOf(full), 20_000);
    const sent = await api.send(me, groupId, 'skipped');
    const [row] = (await history(full, groupId)).body;
    const shown = { id: sent.body.id, status: 'stored', delivery_id: null, delivered_at: null, read_at: null };
    expect(row).toMatchObject(shown);
    expect((await history(me, groupId)).body[0]).toMatchObject(shown);
    expect(row.context).toMatchObject({ conversation: { type: 'group', group_name: 'a group', member_count: 2 } });
    expect((await listed(full, groupId)).unread_count).toBe(1);
    expect(outcomeOf(await read(full, sent.body.id))).toEqual([404, 'MESSAGE_NOT_FOUND']);
  });

  test("unread counts what others and the system wrote since the member's join", async () => {
    const [me, a, b] = await api.three();
    const groupId = await api.groupOf(me, a, b);
    const one = await api.send(me, groupId, 'one');
    await api.send(a, groupId, 'two');
    const three = await api.send(me, groupId, 'three');
    const unread = async (who: TestAgent) => {
      const { unread_count, oldest_unread_seq, newest_unread_seq } = await listed(who, groupId);
      return [unread_count, oldest_unread_seq, newest_unread_seq];
    };
    // a: its own join, that of b, one, three. b: its own join, one, two, three. me: two.
    expect(await unread(a)).toEqual([4, 1, 5]);
    expect(await unread(b)).toEqual([4, 2, 5]);
    expect(await unread(me)).toEqual([1, 4, 4]);
    const sockets = await Promise.all([me, b].map((who) => SocketClient.hello(url(1), who.apiKey, ['ack'])));
    expect((await read(a, three.body.id)).body).toMatchObject({
      ok: true,
      status: 'read',
      context: three.body.context,
    });
    await waitFor(() => sockets[0]?.frames.some(({ type }) => type === 'message.read'));
    expect(sockets[1]?.frames.some(({ type }) => type === 'message.read')).toBe(false);
    expect(await unread(a)).toEqual([3, 1, 3]);
    expect(await unread(b)).toEqual([4, 2, 5]);
    expect((await history(a, groupId)).body[0]).toMatchObject({ status: 'read' });
    expect((await history(b, groupId)).body[0]).toMatchObject({ status: 'stored', read_at: null });
    expect(await listed(b, groupId)).toMatchObject({
      type: 'group',
      participants: [],
      group_name: 'a group',
      group_avatar_url: null,
      group_member_count: 3,
      last_message_preview: 'three',
      last_message_is_own: false,
      last_message_type: 'text',
      last_message_at: three.body.created_at,
    });
    expect(one.status).toBe(201);
    for (const socket of sockets) socket.end();
  });

  test('the conversation is there for members only: list, participants, context, hide, mute', async () => {
    const [me, member, former] = await api.three();
    const stranger = await api.agent();
    const groupId = await api.groupOf(me, member, former);
    await api.leave(former, groupId);
    expect((await api.as(member, 'GET', `/v1/conversations/${groupId}/participants`)).body).toEqual(
      [me, member].map((who) => ({ handle: api.handleOf(who), display_name: null, avatar_url: null })),
    );
    expect((await api.as(member, 'GET', `/v1/conversations/${groupId}/context`)).body).toMatchObject({
      conversation_id: groupId,
      type: 'group',
      group: { name: 'a group', description: null, member_count: 2, your_role: 'member' },
      counterparty: null,
      relationship: null,
    });
    for (const who of [former, stranger]) {
      expect(await listed(who, groupId)).toBeUndefined();
      for (const path of ['/participants', '/context']) {
        expect(outcomeOf(await api.as(who, 'GET', `/v1/conversations/${groupId}${path}`))).toEqual([
          404,
          'CONVERSATION_NOT_FOUND',
        ]);
      }
      expect(outcomeOf(await api.as(who, 'DELETE', `/v1/conversations/${groupId}`))).toEqual([
        404,
        'CONVERSATION_NOT_FOUND',
      ]);
      expect(outcomeOf(await history(who, groupId))).toEqual([404, 'CONVERSATION_NOT_FOUND']);
    }
    await setMute(database, {
      muterId: api.idOf(member),
      kind: 'agent',
      targetId: api.idOf(me),
      mutedUntil: null,
      at: new Date(),
    });
    expect((await listed(member, groupId)).is_muted).toBe(false);
    await api.as(member, 'DELETE', `/v1/conversations/${groupId}`);
    expect(await listed(member, groupId)).toBeUndefined();
    await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { name: 'again' } });
    expect(await listed(member, groupId)).toMatchObject({ unread_count: 1, last_message_preview: 'System update' });
    expect((await history(member, groupId)).body).toHaveLength(1);
  });

  test('groups#19, groups#G18: every read of a deleted group is refused with who deleted it and when', async () => {
    const [me, member] = await api.two();
    const stranger = await api.agent();
    const groupId = await api.groupOf(me, member);
    const sent = await api.send(me, groupId, 'evidence');
    const { body } = await api.deleteGroup(me, groupId);
    const details = { group_id: groupId, deleted_by_handle: api.handleOf(me), deleted_at: body.deleted_at };
    for (const path of [
      `/v1/messages/${groupId}`,
      `/v1/conversations/${groupId}/participants`,
      `/v1/conversations/${groupId}/context`,
    ]) {
      for (const who of [me, member]) {
        const answer = await api.as(who, 'GET', path);
        expect([...outcomeOf(answer), answer.body.details]).toEqual([410, 'GROUP_DELETED', details]);
      }
      expect(outcomeOf(await api.as(stranger, 'GET', path))).toEqual([404, 'CONVERSATION_NOT_FOUND']);
    }
    expect(outcomeOf(await api.as(member, 'DELETE', `/v1/conversations/${groupId}`))).toEqual([
      404,
      'CONVERSATION_NOT_FOUND',
    ]);
    expect(await listed(member, groupId)).toBeUndefined();
    expect(await database.messages.findOne({ _id: sent.body.id })).toMatchObject({ seq: 2 });
    expect(await database.memberships.countDocuments({ groupId })).toBe(2);
  });
});
