import { markReadThrough } from '../../store/conversations/read-messages';
import { SocketClient } from '../realtime/socket-client';
import type { TestAgent } from '../support/agents';
import { callsOf, seqsOf, type Row } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { groupCalls } from '../support/groups';
import { request } from '../support/traffic';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';
import { countUndelivered } from '../../store/inbox/backlog';
import { pretendBacklog } from '../support/backlog';

describe('a group in the inbox of its members', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const api = groupCalls(stack, database);

  const senderOf = ({ agent, apiKey }: TestAgent) => ({ id: agent._id, handle: agent.handle, key: apiKey });
  const callsFor = (who: TestAgent) => callsOf(url(), senderOf(who));
  const exact = (who: TestAgent, groupId: string) => expectExactCounters(database, senderOf(who), [groupId]);
  const textsOf = (rows: Row[]) => rows.map(({ content }) => (content as { text?: string }).text ?? '(system)');

  /** A group of four; me, bob and eve have each written once. */
  async function talkingGroup() {
    const [me, bob, eve, joiner] = await api.agents(4);
    const groupId = await api.groupOf(me, bob, eve);
    for (const [who, text] of [
      [me, 'one'],
      [bob, 'two'],
      [eve, 'three'],
    ] as const) {
      await api.send(who, groupId, text);
    }
    return { me, bob, eve, joiner, groupId };
  }

  test('messaging#21: a late joiner sees nothing from before its arrival, nor a preview of it', async () => {
    const { me, joiner, groupId } = await talkingGroup();
    const old = (await callsFor(me).history(groupId)).find(({ seq }) => seq === 3);
    await api.saves(joiner, me);
    await api.add(me, groupId, joiner);
    const calls = callsFor(joiner);
    const [arrival] = await calls.history(groupId);
    expect(await calls.history(groupId)).toHaveLength(1);
    expect(arrival).toMatchObject({ type: 'system', status: 'stored', content: { data: { event: 'member_joined' } } });
    expect(await calls.history(groupId, '?after_seq=0')).toEqual([arrival]);
    expect(await calls.history(groupId, `?before_seq=${String(arrival?.seq)}`)).toEqual([]);
    const around = await calls.get(`/v1/messages/${groupId}?around_message_id=${String(old?.id)}`);
    expect([around.status, around.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    expect(await calls.conversations()).toMatchObject([{ last_message_preview: 'System update', unread_count: 1 }]);
    await calls.hide(String(arrival?.id));
    expect(await calls.conversations()).toMatchObject([
      { last_message_preview: null, last_message_type: null, last_message_is_own: false, unread_count: 0 },
    ]);
    const foreign = await calls.hide(String(old?.id));
    expect([foreign.status, foreign.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    await exact(joiner, groupId);
  });

  test('each member sees own messages as stored, and others as that member left them', async () => {
    const { me, bob, eve, groupId } = await talkingGroup();
    const [three] = await callsFor(bob).history(groupId, '?limit=1');
    expect(three).toMatchObject({
      status: 'stored',
      context: { conversation: { type: 'group', group_name: 'a group', member_count: 3 } },
    });
    const read = await callsFor(bob).read(String(three?.id));
    expect(read.body).toMatchObject({
      ok: true,
      status: 'read',
      context: { conversation: { type: 'group', member_count: 3 } },
    });
    expect((await callsFor(bob).history(groupId, '?limit=1'))[0]).toMatchObject({
      status: 'read',
      delivery_id: three?.['delivery_id'],
    });
    expect((await callsFor(me).history(groupId, '?limit=1'))[0]).toMatchObject({
      status: 'stored',
      delivery_id: expect.stringMatching(/^del_/) as string,
    });
    expect((await callsFor(eve).history(groupId, '?limit=1'))[0]).toMatchObject({
      status: 'stored',
      delivered_at: null,
      read_at: null,
      delivery_id: null,
    });
    const own = await callsFor(eve).read(String(three?.id));
    expect([own.status, own.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
  });

  test('messaging#18: a skipped member finds the message in its history, without an envelope and not unread', async () => {
    const { me, bob, groupId } = await talkingGroup();
    const before = (await callsFor(bob).conversations())[0]?.['unread_count'];
    await pretendBacklog(database, api.idOf(bob), 10_000);
    const sent = await api.send(me, groupId, 'skipped');
    await pretendBacklog(database, api.idOf(bob), await countUndelivered(database, api.idOf(bob)));
    expect(sent.body.skipped_recipients).toEqual([api.handleOf(bob)]);
    const [row] = await callsFor(bob).history(groupId, '?limit=1');
    expect(row).toMatchObject({ id: sent.body.id, status: 'stored', delivery_id: null });
    expect(await callsFor(bob).conversations()).toMatchObject([
      { unread_count: before, last_message_preview: 'skipped' },
    ]);
    expect((await callsFor(bob).read(sent.body.id)).status).toBe(404);
    expect((await callsFor(bob).hide(sent.body.id)).status).toBe(200);
    expect(textsOf(await callsFor(bob).history(groupId, '?limit=1'))).toEqual(['three']);
    await exact(bob, groupId);
  });

  test('a read is told to the sender alone, once per reader; a range once per sender', async () => {
    const { me, bob, eve, groupId } = await talkingGroup();
    const sockets = new Map<TestAgent, SocketClient>();
    for (const who of [me, bob, eve]) sockets.set(who, await SocketClient.hello(url(), who.apiKey, ['ack']));
    const readsOf = (who: TestAgent) =>
      (sockets.get(who)?.frames ?? []).filter(({ type }) => type === 'message.read').map(({ payload }) => payload);
    const [, two] = await callsFor(eve).history(groupId, '?limit=2');
    await callsFor(eve).read(String(two?.id));
    await callsFor(me).read(String(two?.id));
    await waitFor(() => readsOf(bob).length === 2);
    expect(readsOf(bob)).toMatchObject([
      { message_id: two?.id, reader: api.handleOf(eve), through_seq: two?.seq },
      { message_id: two?.id, reader: api.handleOf(me), through_seq: two?.seq },
    ]);
    expect(readsOf(me)).toEqual([]);
    await api.send(me, groupId, 'four');
    await api.send(eve, groupId, 'five');
    const through = { conversationId: groupId, throughSeq: 1_000 };
    const receipts = await markReadThrough(database, bob.agent, through, new Date());
    const rows = await callsFor(bob).history(groupId);
    const seqOf = (text: string) => rows[textsOf(rows).indexOf(text)]?.seq;
    expect(receipts.map(({ senderId, seq, throughSeq }) => [senderId, seq, throughSeq]).sort()).toEqual(
      [
        [api.idOf(me), seqOf('four'), seqOf('four')],
        [api.idOf(eve), seqOf('five'), seqOf('five')],
      ].sort(),
    );
    expect(await markReadThrough(database, bob.agent, through, new Date())).toEqual([]);
    expect(await callsFor(bob).conversations()).toMatchObject([{ unread_count: 0 }]);
    for (const who of [me, bob, eve]) await exact(who, groupId);
    for (const socket of sockets.values()) socket.end();
  });

  test('the list entry, the participants in the order of joining and the context of a group', async () => {
    const { me, bob, eve, groupId } = await talkingGroup();
    await request(`${url()}/v1/mutes`, bob.apiKey, 'POST', { target_kind: 'agent', target_handle: api.handleOf(me) });
    const [entry] = await callsFor(bob).conversations();
    expect(entry).toMatchObject({
      id: groupId,
      type: 'group',
      participants: [],
      group_name: 'a group',
      group_avatar_url: null,
      group_member_count: 3,
      last_message_preview: 'three',
      last_message_is_own: false,
      last_message_type: 'text',
      is_muted: false,
    });
    await request(`${url()}/v1/mutes`, bob.apiKey, 'POST', { target_kind: 'conversation', target_id: groupId });
    expect(await callsFor(bob).conversations()).toMatchObject([{ is_muted: true }]);
    const participants = await callsFor(bob).get(`/v1/conversations/${groupId}/participants`);
    expect(participants.body).toEqual(
      [me, bob, eve].map((who) => ({ handle: api.handleOf(who), display_name: null, avatar_url: null })),
    );
    const context = await callsFor(bob).get(`/v1/conversations/${groupId}/context`);
    expect(context.body).toEqual({
      conversation_id: groupId,
      type: 'group',
      group: { name: 'a group', description: null, member_count: 3, your_role: 'member' },
      counterparty: null,
      relationship: null,
      unread: {
        count: entry?.['unread_count'],
        oldest_seq: entry?.['oldest_unread_seq'],
        newest_seq: entry?.['newest_unread_seq'],
      },
    });
    await exact(bob, groupId);
  });

  test('groups and direct conversations make one list; a hidden group returns with the next message', async () => {
    const { me, bob, eve, groupId } = await talkingGroup();
    const opened = await request(`${url()}/v1/messages`, eve.apiKey, 'POST', {
      to: api.handleOf(bob),
      client_msg_id: 'direct',
      content: 'hi',
    });
    const directId = opened.body['conversation_id'];
    const calls = callsFor(bob);
    const listed = async (query = '') => (await calls.conversations(query)).map(({ id }) => id);
    expect(await listed()).toEqual([directId, groupId]);
    expect(await listed('?limit=1&offset=1')).toEqual([groupId]);
    await calls.hideConversation(groupId);
    expect(await listed()).toEqual([directId]);
    expect(await calls.history(groupId)).toEqual([]);
    await exact(bob, groupId);
    await api.send(me, groupId, 'again');
    expect(await listed()).toEqual([groupId, directId]);
    expect(textsOf(await calls.history(groupId))).toEqual(['again']);
    expect(await calls.conversations('?limit=1')).toMatchObject([{ unread_count: 1, last_message_preview: 'again' }]);
    await exact(bob, groupId);
  });

  test('groups#6: who left reads and hides what was received, and finds nothing else; a new stay is empty', async () => {
    const { me, bob, groupId } = await talkingGroup();
    const calls = callsFor(bob);
    const [newest, older] = (await calls.history(groupId)).filter(({ type }) => type !== 'system');
    await calls.read(String(newest?.id));
    await api.leave(bob, groupId);
    for (const path of [
      `/v1/messages/${groupId}`,
      `/v1/conversations/${groupId}/participants`,
      `/v1/conversations/${groupId}/context`,
    ]) {
      const answer = await calls.get(path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 404, 'CONVERSATION_NOT_FOUND']);
    }
    expect((await calls.hideConversation(groupId)).status).toBe(404);
    expect(await calls.conversations()).toEqual([]);
    const mine = await calls.read(String(older?.id));
    expect([mine.status, mine.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    const first = await database.envelopes.findOne({ recipientId: api.idOf(bob), status: { $ne: 'read' } });
    expect((await calls.read(String(first?.messageId))).body).toMatchObject({ status: 'read' });
    expect((await calls.hide(String(newest?.id))).status).toBe(200);
    await api.send(me, groupId, 'while away');
    await api.add(me, groupId, bob);
    await api.send(me, groupId, 'back');
    expect(textsOf(await calls.history(groupId))).toEqual(['back', '(system)']);
    expect(await calls.conversations()).toMatchObject([{ unread_count: 2, last_message_preview: 'back' }]);
    await exact(bob, groupId);
    await calls.hideConversation(groupId);
    await exact(bob, groupId);
    await api.send(me, groupId, 'after the hide');
    expect(seqsOf(await calls.history(groupId))).toHaveLength(1);
    await exact(bob, groupId);
  });

  test('groups#19: a deleted group is 410 to who was in it; what was received can still be read', async () => {
    const { me, bob, joiner, groupId } = await talkingGroup();
    const [newest] = await callsFor(bob).history(groupId);
    const { body } = await api.deleteGroup(me, groupId);
    const info = { group_id: groupId, deleted_by_handle: api.handleOf(me), deleted_at: body.deleted_at };
    for (const path of [
      `/v1/messages/${groupId}`,
      `/v1/conversations/${groupId}/participants`,
      `/v1/conversations/${groupId}/context`,
    ]) {
      const answer = await callsFor(bob).get(path);
      expect(answer).toMatchObject({ status: 410, body: { code: 'GROUP_DELETED', details: info } });
      const never = await callsFor(joiner).get(path);
      expect([never.status, never.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND']);
    }
    expect((await callsFor(bob).hideConversation(groupId)).body.code).toBe('CONVERSATION_NOT_FOUND');
    expect(await callsFor(bob).conversations()).toEqual([]);
    expect((await callsFor(bob).read(String(newest?.id))).body).toMatchObject({ status: 'read' });
    expect((await callsFor(bob).hide(String(newest?.id))).status).toBe(200);
    const [notice] = await callsFor(bob).sync();
    expect(notice).toMatchObject({ type: 'system', content: { data: { event: 'group_deleted' } } });
    expect((await callsFor(bob).read(String(notice?.id))).status).toBe(200);
    expect(await callsFor(bob).sync()).toEqual([]);
    await expectExactCounters(database, senderOf(bob), []);
  });
});
