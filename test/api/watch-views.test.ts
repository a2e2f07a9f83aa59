import { createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { ownerOf, view } from '../support/watch';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { setBlock } from '../../store/contacts/relations';

/** What an owner is shown is what the agent itself could read at that moment: wider, a claim would be a wiretap. */
describe('views of a claimed agent', () => {
  const { stack, database } = useStack({ workers: 0 });
  const groups = () => groupCalls(stack, database);
  const as = (who: TestAgent, method: string, path: string, body?: unknown) =>
    groups().as(who, method, path, body === undefined ? {} : { body });
  let made = 0;
  const write = async (from: TestAgent, to: TestAgent, fields: object = {}): Promise<Parsed> => {
    const body = { to: to.agent.handle, client_msg_id: `v-${(made += 1)}`, content: 'hello', ...fields };
    const answer = await as(from, 'POST', '/v1/messages', body);
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
    return answer.body;
  };
  /** An owner's agent that talks with another one. */
  const talk = async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [agent] = agents;
    const peer = await createTestAgent(database);
    const opener = await write(agent, peer, { content: 'open' });
    await write(peer, agent, { content: 'answer' });
    return { owner, agent, peer, conversationId: String(opener.conversation_id) };
  };
  const messagesOf = async (owner: Parameters<typeof view>[0], agent: TestAgent, query: string) =>
    (await view(owner, agent, `messages?${query}`)).body.messages;

  test("an owner sees messages as the agent has them, with the receiver's progress from both sides", async () => {
    const { owner, agent, peer, conversationId } = await talk();
    await database.agents.updateOne({ _id: peer.agent._id }, { $set: { displayName: 'Bea', avatarKey: 'k.webp' } });
    const content = { text: 'odd ', data: { '\u0000': [1, 'x'], big: 12345678901234567890 } };
    const sent = await write(peer, agent, { content, metadata: { __proto_: 1, deep: { list: [null] } } });
    await as(agent, 'POST', `/v1/messages/${sent.id}/read`);
    const { status, body } = await view(owner, agent, `messages?conversation_id=${conversationId}`);
    expect(status).toBe(200);
    const history = (await as(agent, 'GET', `/v1/messages/${conversationId}`)).body;
    expect(body.messages.map(({ seq }: Parsed) => seq)).toEqual([3, 2, 1]);
    for (const [index, message] of body.messages.entries()) {
      const own = history[index];
      const { sender: _, context: _c, ...same } = own;
      expect(message).toEqual({
        ...same,
        is_own: own.sender === agent.agent.handle,
        sender_handle: own.sender === agent.agent.handle ? null : peer.agent.handle,
        sender_display_name: own.sender === agent.agent.handle ? null : 'Bea',
        sender_avatar_url:
          own.sender === agent.agent.handle ? null : (expect.stringMatching(/\/avatars\/k\.webp$/) as string),
      });
    }
    expect(body.messages[0]).toMatchObject({ status: 'read', read_at: expect.any(String) as string });
    expect(body.messages[2]).toMatchObject({ is_own: true, status: 'stored', delivery_id: null });
    expect(
      (await messagesOf(owner, agent, `conversation_id=${conversationId}&before_seq=3`)).map(({ seq }: Parsed) => seq),
    ).toEqual([2, 1]);
    expect(await messagesOf(owner, agent, `conversation_id=${conversationId}&before_seq=0`)).toEqual([]);
  });

  test('the list of conversations shows the agent’s rows without unread fields, page by page', async () => {
    const { owner, agent, peer } = await talk();
    const other = await createTestAgent(database);
    await write(other, agent, { content: '  two \n words ' });
    await as(agent, 'POST', '/v1/mutes', { target_kind: 'agent', target_handle: peer.agent.handle });
    const group = await as(agent, 'POST', '/v1/groups', { name: 'desk' });
    const own = (await as(agent, 'GET', '/v1/conversations')).body;
    const shown = (await view(owner, agent, 'conversations')).body.conversations;
    expect(shown).toEqual(
      own.map(({ unread_count: _, oldest_unread_seq: _o, newest_unread_seq: _n, ...row }: Parsed) => row),
    );
    expect(shown.map(({ type }: Parsed) => type)).toEqual(['direct', 'direct', 'group']);
    expect(shown[0]).toMatchObject({ last_message_preview: 'two words', last_message_is_own: false, is_muted: false });
    expect(shown[1]).toMatchObject({ participants: [{ handle: peer.agent.handle }], is_muted: true });
    expect(shown[2]).toMatchObject({
      id: group.body.group.id,
      participants: [],
      group_name: 'desk',
      group_member_count: 1,
    });
    const pages = [];
    for (const offset of [0, 1, 2, 3]) {
      pages.push(...(await view(owner, agent, `conversations?limit=1&offset=${offset}`)).body.conversations);
    }
    expect(pages).toEqual(shown);
  });

  test('dashboard#11: an agent that joined late sees nothing from before, and neither does its owner', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [late] = agents;
    const { two, groupOf, send, add, saves, leave } = groups();
    const [creator, member] = await two();
    const groupId = await groupOf(creator, member);
    await send(creator, groupId, 'before anybody came');
    expect((await view(owner, late, `groups/${groupId}`)).body.code).toBe('GROUP_NOT_FOUND');
    expect((await view(owner, late, `messages?conversation_id=${groupId}`)).body.code).toBe('CONVERSATION_NOT_FOUND');
    await saves(late, creator);
    await add(creator, groupId, late);
    const texts = async () => {
      const { body, text } = await view(owner, late, `messages?conversation_id=${groupId}`);
      expect(text).not.toContain('before anybody came');
      return body.messages.map(({ content }: Parsed) => content.text ?? content.data.event);
    };
    expect(await texts()).toEqual(['member_joined']);
    await send(late, groupId, 'own');
    await send(member, groupId, 'after');
    expect(await texts()).toEqual(['after', 'own', 'member_joined']);
    const log = await view(owner, late, 'events?include_messages=true&limit=100');
    expect(log.text).not.toContain('before anybody came');
    expect(log.body.events.map(({ action, metadata }: Parsed) => [action, metadata.preview])).toEqual([
      ['message.received', 'after'],
      ['message.sent', 'own'],
      ['message.received', 'System update'],
      ['agent.claimed', undefined],
      ['agent.created', undefined],
    ]);
    const detail = await view(owner, late, `groups/${groupId}`);
    expect(detail.body).toEqual((await as(late, 'GET', `/v1/groups/${groupId}`)).body);
    expect(detail.body.your_role).toBe('member');
    await leave(late, groupId);
    expect((await view(owner, late, `messages?conversation_id=${groupId}`)).body.code).toBe('CONVERSATION_NOT_FOUND');
    expect((await view(owner, late, `groups/${groupId}`)).body.code).toBe('GROUP_NOT_FOUND');
    expect((await view(owner, late, 'conversations')).body.conversations).toEqual([]);
    expect((await view(owner, late, 'events?include_messages=true')).text).not.toContain('"preview"');
    // Its own sight is gone, not that of whoever stayed.
    await claim(owner, member);
    expect((await view(owner, member, `messages?conversation_id=${groupId}`)).text).toContain('before anybody came');
  });

  test('dashboard#11: what the agent hid is neither shown, previewed nor logged', async () => {
    const { owner, agent, peer, conversationId } = await talk();
    const secret = await write(peer, agent, { content: 'hide me' });
    await as(agent, 'DELETE', `/v1/messages/${secret.id}`);
    const pages = ['conversations', `messages?conversation_id=${conversationId}`, 'events?include_messages=true'];
    for (const page of pages) {
      const { text } = await view(owner, agent, page);
      expect([page, text.includes('hide me'), text.includes('answer')]).toEqual([page, false, true]);
    }
    await as(agent, 'DELETE', `/v1/conversations/${conversationId}`);
    for (const page of pages) expect((await view(owner, agent, page)).text).not.toContain('answer');
    expect((await view(owner, agent, 'conversations')).body.conversations).toEqual([]);
    await write(peer, agent, { content: 'back again' });
    for (const page of pages) {
      const { text } = await view(owner, agent, page);
      expect([page, text.includes('back again'), text.includes('answer')]).toEqual([page, true, false]);
    }
    // The other side hid nothing.
    const other = await signInOwner(stack);
    await claim(other, peer);
    expect((await view(other, peer, `messages?conversation_id=${conversationId}`)).text).toContain('hide me');
  });

  test('a deleted group: its messages are gone, its detail says who deleted it', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [agent] = agents;
    const creator = await createTestAgent(database);
    const { groupOf, deleteGroup } = groups();
    const groupId = await groupOf(creator, agent);
    await deleteGroup(creator, groupId);
    const gone = await view(owner, agent, `groups/${groupId}`);
    expect([gone.status, gone.body.code, gone.body.details]).toEqual([
      410,
      'GROUP_DELETED',
      { group_id: groupId, deleted_by_handle: creator.agent.handle, deleted_at: expect.any(String) as string },
    ]);
    const messages = await view(owner, agent, `messages?conversation_id=${groupId}`);
    expect([messages.status, messages.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND']);
  });

  test('contacts and blocks: hidden accounts are left out, totals are exact, newest block first', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [agent] = agents;
    const others = await groups().agents(4);
    for (const [index, { agent: other }] of others.entries()) {
      await as(agent, 'POST', '/v1/contacts', { handle: other.handle, notes: `n${index}` });
      await setBlock(database, { from: agent.agent._id, to: other._id, at: new Date(1_700_000_000_000 + index) });
    }
    const [suspended, deleted] = others;
    const handles = (rows: Parsed[]) => rows.map(({ handle }) => handle);
    const all = (await view(owner, agent, 'contacts')).body;
    expect(all).toMatchObject({ total: 4, limit: 100, offset: 0 });
    expect(handles(all.contacts)).toEqual(others.map(({ agent: { handle } }) => handle).sort());
    expect(Object.keys(all.contacts[0]).sort()).toEqual([
      'added_at',
      'avatar_url',
      'description',
      'display_name',
      'handle',
      'notes',
    ]);
    await setStatus(database, suspended.agent._id, 'suspended', new Date());
    // Without a worker nobody rewrites the marks: the lists correct themselves.
    await deleteAgent(database, deleted.agent._id, new Date());
    const blocks = (await view(owner, agent, 'blocks')).body;
    expect(blocks).toMatchObject({ total: 3, limit: 100, offset: 0 });
    expect(handles(blocks.blocks)).toEqual([others[3], others[2], suspended].map((other) => other?.agent.handle));
    expect(blocks.blocks[2]).toEqual({
      handle: suspended.agent.handle,
      display_name: null,
      avatar_url: null,
      blocked_at: new Date(1_700_000_000_000).toISOString(),
    });
    const contacts = (await view(owner, agent, 'contacts')).body;
    expect([contacts.total, handles(contacts.contacts).includes(suspended.agent.handle)]).toEqual([2, false]);
    for (const list of ['contacts', 'blocks']) {
      expect((await view(owner, agent, `${list}?limit=1&offset=1`)).body).toMatchObject({
        limit: 1,
        offset: 1,
        total: list === 'blocks' ? 3 : 2,
      });
    }
  });

  test('limits and offsets are clamped, what is no number is 400, and so is a page without its conversation', async () => {
    const { owner, agent, conversationId } = await talk();
    for (const [list, limit] of [
      ['conversations', 50],
      ['contacts', 100],
      ['blocks', 100],
    ] as const) {
      for (const [query, shown] of [
        ['', limit],
        ['limit=0', 1],
        ['limit=100000', 100],
        ['limit=2.9', 2],
        ['limit=', limit],
      ] as const) {
        const { status, body } = await view(owner, agent, `${list}?${query}&offset=-5`);
        expect([list, query, status]).toEqual([list, query, 200]);
        if (list !== 'conversations') expect([list, query, body.limit, body.offset]).toEqual([list, query, shown, 0]);
      }
    }
    const bad = [
      ...['conversations', 'contacts', 'blocks'].flatMap((list) => [`${list}?limit=abc`, `${list}?offset=1x`]),
      'messages',
      'messages?conversation_id=',
      ...['-1', '1.5', 'abc', '1e3'].map((seq) => `messages?conversation_id=${conversationId}&before_seq=${seq}`),
      'events?limit=abc',
      'events?before=yesterday',
      'events?before=1700000000000',
      'events?include_messages=maybe',
    ];
    for (const path of bad) {
      const { status, body } = await view(owner, agent, path);
      expect([path, status, body.code]).toEqual([path, 400, 'VALIDATION_ERROR']);
    }
    for (const id of ['conv_unknown', 'grp_unknown', 'x', 'msg_x', '$ne']) {
      const { status, body } = await view(owner, agent, `messages?conversation_id=${id}`);
      expect([id, status, body.code]).toEqual([id, 404, 'CONVERSATION_NOT_FOUND']);
    }
  });
});
