import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { SocketClient } from '../realtime/socket-client';
import { callsOf, say, seqsOf, startTalk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { makeSenders, request, send, type Sender } from '../support/traffic';
import { countWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

describe('conversations', () => {
  const { database, url } = useStack({ workers: 0 });

  const post = (from: Sender, to: Sender, body: object) =>
    request(`${url()}/v1/messages`, from.key, 'POST', { to: to.handle, ...body });

  test('an entry of the list: counterparty, preview, times and unread fields as either side sees them', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [, , last] = await say(url(), a, b, 3);
    await database.agents.updateOne({ _id: a.id }, { $set: { displayName: 'Ada', avatarKey: 'k.webp' } });
    const [seenByB] = await callsOf(url(), b).conversations();
    const created = last?.['created_at'];
    expect(seenByB).toEqual({
      id: conversationId,
      type: 'direct',
      participants: [
        { handle: a.handle, display_name: 'Ada', avatar_url: expect.stringMatching(/\/avatars\/k\.webp$/) as string },
      ],
      group_name: null,
      group_avatar_url: null,
      group_member_count: null,
      last_message_preview: (last?.['content'] as { text: string }).text,
      last_message_is_own: false,
      last_message_type: 'text',
      last_message_at: created,
      updated_at: created,
      unread_count: 4,
      oldest_unread_seq: 1,
      newest_unread_seq: 5,
      is_muted: false,
    });
    const [seenByA] = await callsOf(url(), a).conversations();
    expect(seenByA).toMatchObject({
      id: conversationId,
      last_message_is_own: true,
      unread_count: 1,
      oldest_unread_seq: 2,
      newest_unread_seq: 2,
      participants: [{ handle: b.handle, display_name: null, avatar_url: null }],
    });
  });

  test('messaging#25: reading seq 5 leaves 1 to 4 unread in the list and the context', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await say(url(), a, b, 3);
    const { read, conversations, get } = callsOf(url(), b);
    await read(String(sent[2]?.id));
    expect(await conversations()).toMatchObject([{ unread_count: 3, oldest_unread_seq: 1, newest_unread_seq: 4 }]);
    const context = await get(`/v1/conversations/${conversationId}/context`);
    expect(context.body['unread']).toEqual({ count: 3, oldest_seq: 1, newest_seq: 4 });
    for (const row of await callsOf(url(), b).history(conversationId))
      if (row['sender'] === a.handle) await read(row.id);
    expect(await conversations()).toMatchObject([
      { unread_count: 0, oldest_unread_seq: null, newest_unread_seq: null },
    ]);
  });

  test('messaging#26: a hidden message is neither previewed nor unread', async () => {
    const { a, b } = await startTalk(database, url());
    const [kept, hidden] = await say(url(), a, b, 2);
    const { hide, conversations } = callsOf(url(), b);
    await hide(String(hidden?.id));
    expect(await conversations()).toMatchObject([
      {
        last_message_preview: (kept?.['content'] as { text: string }).text,
        last_message_at: hidden?.['created_at'],
        unread_count: 2,
        oldest_unread_seq: 1,
        newest_unread_seq: 3,
      },
    ]);
    expect(await callsOf(url(), a).conversations()).toMatchObject([
      { last_message_preview: (hidden?.['content'] as { text: string }).text },
    ]);
  });

  test('messaging#27: an own send lists a hidden conversation again, with that message alone', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    await say(url(), a, b, 2);
    const { hideConversation, conversations, history, sync } = callsOf(url(), b);
    const pending = await sync();
    expect(await hideConversation(conversationId)).toMatchObject({ status: 200, body: { ok: true, hidden: true } });
    expect(await hideConversation(conversationId)).toMatchObject({ status: 200, body: { ok: true, hidden: true } });
    expect(await conversations()).toEqual([]);
    expect(await history(conversationId)).toEqual([]);
    expect(await sync()).toEqual(pending);
    const [own] = await say(url(), b, a);
    expect(seqsOf(await history(conversationId))).toEqual([own?.seq]);
    expect(await conversations()).toMatchObject([
      {
        id: conversationId,
        unread_count: 0,
        last_message_is_own: true,
        last_message_preview: (own?.['content'] as { text: string }).text,
      },
    ]);
    expect(await callsOf(url(), a).history(conversationId)).toHaveLength(5);
    expect(await callsOf(url(), a).conversations()).toHaveLength(1);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('an inbound message un-hides too; a later hide moves the cut-off forward', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const { hideConversation, conversations, history, read } = callsOf(url(), b);
    const [old] = await say(url(), a, b);
    await hideConversation(conversationId);
    const [fresh] = await say(url(), a, b);
    expect(seqsOf(await history(conversationId, '?after_seq=0'))).toEqual([fresh?.seq]);
    expect(await conversations()).toMatchObject([
      { unread_count: 1, oldest_unread_seq: fresh?.seq, newest_unread_seq: fresh?.seq },
    ]);
    // Read from before the cut-off: it counted no more.
    await read(String(old?.id));
    expect(await conversations()).toMatchObject([{ unread_count: 1 }]);
    await hideConversation(conversationId);
    expect(await history(conversationId)).toEqual([]);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('messaging#28: messages of a muted sender stay in sync and count as unread; no push, no webhook', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const mute = (body: object) => request(`${url()}/v1/mutes`, b.key, 'POST', body);
    await countWebhook(database, b.id, 1);
    await mute({ target_kind: 'agent', target_handle: a.handle });
    const { conversations, sync, ack } = callsOf(url(), b);
    await ack((await sync()).at(-1)?.['delivery_id']);
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    const [message] = await say(url(), a, b);
    expect((await sync()).map(({ id }) => id)).toContain(message?.id);
    expect(await conversations()).toMatchObject([{ unread_count: 2, is_muted: true }]);
    await request(`${url()}/v1/mutes/agent/${a.handle}`, b.key, 'DELETE');
    expect(await conversations()).toMatchObject([{ is_muted: false }]);
    const [loud] = await say(url(), a, b);
    await client.untilMessages(1);
    expect(client.messages().map(({ id }) => id)).toEqual([loud?.id]);
    expect(await database.outbox.find({ kind: 'message.new', targetId: b.id }).toArray()).toMatchObject([
      { messageId: loud?.id },
    ]);
    client.end();
    await mute({ target_kind: 'conversation', target_id: conversationId });
    expect(await conversations()).toMatchObject([{ is_muted: true }]);
    await database.mutes.updateMany({ muterId: b.id }, { $set: { mutedUntil: new Date(0) } });
    expect(await conversations()).toMatchObject([{ is_muted: false }]);
    expect(await callsOf(url(), a).conversations()).toMatchObject([{ is_muted: false }]);
  });

  test('order and pages: newest message first, ties by id; limit and offset are clamped, words are 400', async () => {
    const [me, ...others] = await makeSenders(database, 6);
    for (const other of others) await send(url(), other, me, 'open');
    const { conversations, get } = callsOf(url(), me);
    const guards = await database.guards.find({ listedFor: me.id }).toArray();
    const at = new Date();
    await database.guards.updateMany(
      { _id: { $in: guards.slice(0, 3).map(({ _id }) => _id) } },
      { $set: { lastMessageAt: at } },
    );
    const all = await conversations();
    const sorted = [...all].sort(
      (one, other) =>
        String(other['last_message_at']).localeCompare(String(one['last_message_at'])) || (one.id < other.id ? -1 : 1),
    );
    expect(all.map(({ id }) => id)).toEqual(sorted.map(({ id }) => id));
    const pages = [
      await conversations('?limit=2'),
      await conversations('?limit=2&offset=2'),
      await conversations('?limit=2&offset=4'),
    ];
    expect(pages.flat()).toEqual(all);
    expect(await conversations('?offset=5')).toEqual([]);
    expect(await conversations('?limit=0')).toHaveLength(1);
    expect(await conversations('?limit=1000&offset=-3')).toEqual(all);
    for (const query of ['limit=abc', 'offset=abc']) {
      const answer = await get(`/v1/conversations?${query}`);
      expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    }
  });

  test('previews by type; the counterparty is listed whatever became of its account', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const { conversations, get } = callsOf(url(), b);
    const cases: [object, string | null, string][] = [
      [{ content: '  two \n\t words  ' }, 'two words', 'text'],
      [{ content: ' \n ' }, null, 'text'],
      [{ content: { data: { a: 1 } } }, null, 'text'],
      [{ content: 'x'.repeat(140) }, 'x'.repeat(140), 'text'],
      [{ content: 'x'.repeat(141) }, `${'x'.repeat(139)}…`, 'text'],
      [{ content: `${'x'.repeat(138)}😀😀` }, `${'x'.repeat(138)}…`, 'text'],
      [{ type: 'structured', content: { data: {}, text: 'no' } }, '[structured]', 'structured'],
      [{ type: 'file', content: { text: 'no' } }, 'Attachment', 'file'],
    ];
    for (const [index, [body, preview, type]] of cases.entries()) {
      expect((await post(a, b, { client_msg_id: `p${index}`, ...body })).status).toBe(201);
      expect(await conversations()).toMatchObject([{ last_message_preview: preview, last_message_type: type }]);
    }
    await setStatus(database, a.id, 'suspended', new Date());
    expect(await conversations()).toMatchObject([{ participants: [{ handle: a.handle }] }]);
    expect((await get(`/v1/conversations/${conversationId}/participants`)).body).toEqual([
      { handle: a.handle, display_name: null, avatar_url: null },
    ]);
  });

  test('the context tells who the counterparty is to the caller; strangers get 404 everywhere', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [stranger] = await makeSenders(database, 1);
    await request(`${url()}/v1/contacts/${a.handle}`, b.key, 'PATCH', { notes: 'works at the desk' });
    const context = await callsOf(url(), b).get(`/v1/conversations/${conversationId}/context`);
    expect(context.body).toEqual({
      conversation_id: conversationId,
      type: 'direct',
      group: null,
      counterparty: { handle: a.handle, display_name: null, avatar_url: null },
      relationship: { is_contact: true, added_at: expect.any(String) as string, note: 'works at the desk' },
      unread: { count: 1, oldest_seq: 1, newest_seq: 1 },
    });
    await request(`${url()}/v1/contacts/${a.handle}`, b.key, 'DELETE');
    const after = await callsOf(url(), b).get(`/v1/conversations/${conversationId}/context`);
    expect(after.body['relationship']).toEqual({ is_contact: false, added_at: null, note: null });
    for (const id of [conversationId, 'conv_unknown', 'grp_unknown', 'x']) {
      for (const path of ['participants', 'context']) {
        const answer = await callsOf(url(), stranger).get(`/v1/conversations/${id}/${path}`);
        expect([answer.status, answer.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND']);
      }
      const hidden = await callsOf(url(), stranger).hideConversation(id);
      expect([hidden.status, hidden.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND']);
    }
  });

  test('lists are read under either pause', async () => {
    const { b, conversationId } = await startTalk(database, url());
    for (const mode of ['send', 'full'] as const) {
      await setPause(database, b.id, mode, new Date());
      expect(await callsOf(url(), b).conversations()).toMatchObject([{ id: conversationId }]);
    }
  });
});
