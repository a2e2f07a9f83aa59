import { randomBytes } from 'node:crypto';
import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { SocketClient } from '../realtime/socket-client';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { eventOf, groupCalls } from '../support/groups';
import { waitFor } from '../support/wait';
import { countWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

/** Who and where, for a join. */
interface Stage {
  groups: ReturnType<typeof groupCalls>;
  alice: TestAgent;
  bob: TestAgent;
  groupId: string;
}

describe('mutes', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const two = async (): Promise<[TestAgent, TestAgent]> => [
    await createTestAgent(database),
    await createTestAgent(database),
  ];
  const as = (who: TestAgent, method: string, path: string, options: CallOptions & { node?: number } = {}) =>
    call(url(options.node), method, path, { key: who.apiKey, ...options });
  const send = (from: TestAgent, to: TestAgent, node = 0) =>
    as(from, 'POST', '/v1/messages', {
      node,
      body: { to: to.agent.handle, client_msg_id: randomBytes(6).toString('hex'), content: 'hi' },
    });
  const mute = (who: TestAgent, body: object, node = 0) => as(who, 'POST', '/v1/mutes', { body, node });
  const muteAgent = (who: TestAgent, whom: TestAgent, mutedUntil?: string | null) =>
    mute(who, { target_kind: 'agent', target_handle: whom.agent.handle, muted_until: mutedUntil });
  const codeOf = async (answer: ReturnType<typeof call>) => {
    const { status, body } = await answer;
    return `${status} ${body.code}`;
  };
  /** The id of their conversation; both may write. */
  async function establish(a: TestAgent, b: TestAgent): Promise<string> {
    const { body } = await send(a, b);
    await send(b, a);
    return body.conversation_id;
  }
  const announced = (whom: TestAgent) =>
    database.outbox.countDocuments({ kind: 'message.new', targetId: whom.agent._id });

  test.each(['agent', 'conversation'] as const)(
    'messaging#28: a muted %s: no push on any node, no webhook, but in sync and in the backlog',
    async (kind) => {
      const [a, b] = await two();
      const conversationId = await establish(a, b);
      await countWebhook(database, b.agent._id, 1);
      await as(b, 'POST', '/v1/messages/sync/ack', {
        body: { last_delivery_id: (await as(b, 'GET', '/v1/messages/sync')).body.at(-1).delivery_id },
      });
      const clients = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), b.apiKey, ['ack'])));
      const target = kind === 'agent' ? { target_handle: `@${a.agent.handle}` } : { target_id: conversationId };
      expect((await mute(b, { target_kind: kind, ...target })).status).toBe(201);
      const silent = [await send(a, b, 0), await send(a, b, 1)];
      expect(silent.map(({ status, body }) => [status, body.status])).toEqual([
        [201, 'stored'],
        [201, 'stored'],
      ]);
      expect((await as(b, 'GET', '/v1/messages/sync')).body).toHaveLength(2);
      expect(await announced(b)).toBe(0);
      const path = kind === 'agent' ? `agent/${a.agent.handle}` : `conversation/${conversationId}`;
      expect((await as(b, 'DELETE', `/v1/mutes/${path}`)).body).toEqual({ ok: true });
      const loud = await send(a, b, 1);
      // In order: had the silent ones been pushed, they would have come before.
      for (const client of clients) {
        await client.untilMessages(1);
        expect(client.messages().map(({ id }) => id)).toEqual([loud.body.id]);
        client.end();
      }
      expect(await announced(b)).toBe(1);
    },
  );

  test('social#25: in a group of three the muted sender reaches both inboxes but one socket and one webhook', async () => {
    const groups = groupCalls(stack, database);
    const [sender, loud, silent] = await groups.three();
    const groupId = await groups.groupOf(sender, loud, silent);
    await send(sender, silent);
    await send(silent, sender);
    for (const member of [loud, silent]) {
      await groups.drain(member);
      await countWebhook(database, member.agent._id, 1);
    }
    const clients = [
      await SocketClient.hello(url(0), loud.apiKey, ['ack']),
      await SocketClient.hello(url(1), silent.apiKey, ['ack']),
    ];
    const shown = async (type: string) =>
      (await as(silent, 'GET', '/v1/conversations')).body.find((row: { type: string }) => row.type === type);
    const unreadBefore = (await shown('group')).unread_count;
    await muteAgent(silent, sender);
    const { body } = await groups.send(sender, groupId, 'hello');
    const after = await groups.send(loud, groupId, 'a word of somebody else');
    const [heard, unheard] = clients;
    await heard?.untilMessages(1);
    await unheard?.untilMessages(1);
    expect(heard?.messages().map(({ id }) => id)).toEqual([body.id]);
    expect(unheard?.messages().map(({ id }) => id)).toEqual([after.body.id]);
    expect((await groups.sync(silent)).map(({ id }) => id)).toEqual([body.id, after.body.id]);
    expect([await announced(loud), await announced(silent)]).toEqual([1, 1]);
    expect(await shown('group')).toMatchObject({ is_muted: false, unread_count: unreadBefore + 2 });
    expect(await shown('direct')).toMatchObject({ is_muted: true });
    for (const client of clients) client.end();
  });

  test('muting a group: who left it is no participant, and may still take the mute back', async () => {
    const groups = groupCalls(stack, database);
    const [admin, member] = await groups.two();
    const groupId = await groups.groupOf(admin, member);
    const target = { target_kind: 'conversation', target_id: groupId };
    expect((await mute(member, target)).status).toBe(201);
    expect((await groups.leave(member, groupId)).status).toBe(200);
    expect(await codeOf(mute(member, target))).toBe('403 NOT_PARTICIPANT');
    expect((await as(member, 'DELETE', `/v1/mutes/conversation/${groupId}`)).status).toBe(200);
  });

  /** What leads to `member_joined`: first what comes before the mutes count, then the join. */
  const JOINS: Record<string, (stage: Stage) => [before: () => Promise<unknown>, join: () => Promise<unknown>]> = {
    'is added by an agent that it mutes': ({ groups, alice, bob, groupId }) => [
      () => Promise.all([muteAgent(bob, alice), groups.saves(bob, alice)]),
      () => groups.add(alice, groupId, bob),
    ],
    'accepts the invitation of an agent that it mutes': ({ groups, alice, bob, groupId }) => [
      () => Promise.all([muteAgent(bob, alice), groups.add(alice, groupId, bob)]),
      async () => groups.accept(bob, (await groups.invites(bob))[0].id),
    ],
    'is added again to a group that it mutes': ({ groups, alice, bob, groupId }) => [
      async () => {
        await groups.saves(bob, alice);
        await groups.add(alice, groupId, bob);
        await mute(bob, { target_kind: 'conversation', target_id: groupId });
        await groups.leave(bob, groupId);
      },
      () => groups.add(alice, groupId, bob),
    ],
  };
  test.each(Object.keys(JOINS))('social.md §8.3: who %s hears nothing of its own join', async (how) => {
    const groups = groupCalls(stack, database);
    const [alice, bob, carol] = await groups.three();
    const groupId = await groups.groupOf(alice, carol);
    await establish(carol, bob);
    const [before, join] = JOINS[how]?.({ groups, alice, bob, groupId }) ?? [];
    await before?.();
    await groups.drain(bob);
    await countWebhook(database, bob.agent._id, 1);
    const clients = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), bob.apiKey, ['ack'])));
    await join?.();
    const loud = await send(carol, bob);
    for (const client of clients) {
      await client.untilMessages(1);
      expect(client.messages().map(({ id }) => id)).toEqual([loud.body.id]);
      client.end();
    }
    expect(await announced(bob)).toBe(1);
    const [joined, last] = await groups.sync(bob);
    expect(eventOf(joined)).toMatchObject({ event: 'member_joined', agent_handle: bob.agent.handle });
    expect(last?.id).toBe(loud.body.id);
  });

  test('social#27: a drain delivers muted messages, and the deletion of a muted group is pushed', async () => {
    const [a, b] = await two();
    await establish(a, b);
    await muteAgent(b, a);
    const { body } = await send(a, b);
    const client = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await waitFor(() => client.messages().some(({ id }) => id === body.id));
    const groups = groupCalls(stack, database);
    const groupId = await groups.groupOf(a, b);
    await mute(b, { target_kind: 'conversation', target_id: groupId });
    const silent = await groups.send(a, groupId, 'silent');
    expect((await groups.deleteGroup(a, groupId)).status).toBe(200);
    await waitFor(() =>
      client.messages().some((message) => message.conversation_id === groupId && message.id !== silent.body.id),
    );
    expect(client.messages().map(({ id }) => id)).not.toContain(silent.body.id);
    client.end();
  });

  test('a mute silences each send after its answer, on both nodes, however many are in flight', async () => {
    for (let round = 0; round < 4; round += 1) {
      const [a, b] = await two();
      await establish(a, b);
      let isMuted = false;
      const lanes = [0, 1].map(async (node) => {
        const later: string[] = [];
        for (let index = 0; index < 40; index += 1) {
          const startedMuted = isMuted;
          const { body } = await send(a, b, node);
          if (startedMuted) later.push(body.id);
          if (later.length === 4) break;
        }
        return later;
      });
      expect((await muteAgent(b, a)).status).toBe(201);
      isMuted = true;
      const later = (await Promise.all(lanes)).flat();
      expect(later.length).toBeGreaterThan(0);
      expect(await database.envelopes.countDocuments({ messageId: { $in: later }, muted: { $exists: false } })).toBe(0);
    }
  });

  test('social#26: a mute that is set again moves its end and keeps created_at; an end in the past is 400', async () => {
    const [a, b] = await two();
    for (const until of [new Date().toISOString(), '1970-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', 'soon', '']) {
      expect(await codeOf(muteAgent(b, a, until))).toBe('400 VALIDATION_ERROR');
    }
    const first = await muteAgent(b, a, '2100-01-01T02:00:00+02:00');
    expect(first.body).toEqual({
      muter_agent_id: b.agent._id,
      target_kind: 'agent',
      target_id: a.agent._id,
      target_handle: a.agent.handle,
      muted_until: '2100-01-01T00:00:00.000Z',
      created_at: first.body.created_at,
    });
    const later = await muteAgent(b, a, '9999-12-31');
    expect(later.body).toEqual({ ...first.body, muted_until: '9999-12-31T00:00:00.000Z' });
    const forEver = await muteAgent(b, a, null);
    expect(forEver.body).toEqual({ ...first.body, muted_until: null });
    expect((await as(b, 'GET', `/v1/mutes/agent/${a.agent.handle}`)).body).toEqual(forEver.body);
  });

  test('social#26: a mute that ended is gone: its messages are pushed, its deletion is 404', async () => {
    const [a, b] = await two();
    await establish(a, b);
    const client = await SocketClient.hello(url(), b.apiKey, ['ack']);
    await client.untilMessages(1);
    const until = new Date(Date.now() + 700);
    const first = await muteAgent(b, a, until.toISOString());
    const silent = await send(a, b);
    expect((await database.envelopes.findOne({ messageId: silent.body.id }))?.muted).toBe(true);
    await waitFor(() => Date.now() > until.getTime());
    const loud = await send(a, b);
    await client.untilMessages(2);
    expect(client.messages().at(-1)?.id).toBe(loud.body.id);
    expect((await as(b, 'GET', '/v1/mutes')).body).toEqual({ mutes: [] });
    expect(await codeOf(as(b, 'GET', `/v1/mutes/agent/${a.agent.handle}`))).toBe('404 NOT_FOUND');
    expect(await codeOf(as(b, 'DELETE', `/v1/mutes/agent/${a.agent.handle}`))).toBe('404 NOT_FOUND');
    const again = await muteAgent(b, a);
    expect(again.body.created_at > first.body.created_at).toBe(true);
    client.end();
  });

  test('the list: newest first, by kind; another kind is refused; both sides keep their own', async () => {
    const [a, b] = await two();
    const conversationId = await establish(a, b);
    await muteAgent(b, a);
    await mute(b, { target_kind: 'conversation', target_id: conversationId });
    const kinds = async (query: string) =>
      (await as(b, 'GET', `/v1/mutes${query}`)).body.mutes.map((entry: { target_kind: string }) => entry.target_kind);
    expect(await kinds('')).toEqual(['conversation', 'agent']);
    expect(await kinds('?kind=agent')).toEqual(['agent']);
    expect(await kinds('?kind=conversation')).toEqual(['conversation']);
    expect(await codeOf(as(b, 'GET', '/v1/mutes?kind=group'))).toBe('400 VALIDATION_ERROR');
    expect((await as(a, 'GET', '/v1/mutes')).body).toEqual({ mutes: [] });
    expect((await as(b, 'GET', `/v1/mutes/conversation/${conversationId}`)).body.target_handle).toBeNull();
    expect(await codeOf(as(a, 'GET', `/v1/mutes/conversation/${conversationId}`))).toBe('404 NOT_FOUND');
  });

  test('with the last mute gone the inbox says so', async () => {
    const [a, b] = await two();
    const version = async () =>
      (await database.guards.findOne<InboxInGuard>({ _id: inboxInId(b.agent._id) }))?.muteVersion;
    await muteAgent(b, a);
    expect(await version()).toBeGreaterThan(0);
    await as(b, 'DELETE', `/v1/mutes/agent/${a.agent.handle}`);
    expect(await version()).toBe(0);
  });

  test('who cannot be muted: oneself, the unknown, the hidden, conversations of others; system agents can', async () => {
    const [a, b] = await two();
    const [c, gone] = await two();
    const foreign = await establish(a, c);
    await deleteAgent(database, gone.agent._id, new Date());
    const refusals: [object, string][] = [
      [{}, '400 VALIDATION_ERROR'],
      [{ target_kind: 'thing', target_id: a.agent._id }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent' }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent', target_handle: null, target_id: '' }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent', target_handle: 7 }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent', target_handle: a.agent.handle, muted_until: 4e12 }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'conversation', target_handle: a.agent.handle }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent', target_handle: 'nobody-here', muted_until: 'soon' }, '404 AGENT_NOT_FOUND'],
      [{ target_kind: 'agent', target_handle: '\u0000\ud800', target_id: a.agent._id }, '404 AGENT_NOT_FOUND'],
      [{ target_kind: 'agent', target_handle: b.agent.handle, muted_until: 'soon' }, '400 VALIDATION_ERROR'],
      [{ target_kind: 'agent', target_handle: b.agent.handle }, '400 SELF_MUTE'],
      [{ target_kind: 'agent', target_id: b.agent._id }, '400 SELF_MUTE'],
      [{ target_kind: 'agent', target_id: gone.agent._id }, '404 AGENT_NOT_FOUND'],
      [{ target_kind: 'agent', target_id: foreign }, '404 AGENT_NOT_FOUND'],
      [{ target_kind: 'conversation', target_id: foreign }, '404 CONVERSATION_NOT_FOUND'],
      [{ target_kind: 'conversation', target_id: 'grp_nothing' }, '404 CONVERSATION_NOT_FOUND'],
      [{ target_kind: 'conversation', target_id: '\ud800$where' }, '404 CONVERSATION_NOT_FOUND'],
    ];
    for (const [body, code] of refusals) expect([body, await codeOf(mute(b, body))]).toEqual([body, code]);
    for (const body of ['', 'null', '[]', '{']) {
      expect(await codeOf(as(b, 'POST', '/v1/mutes', { body }))).toBe('400 VALIDATION_ERROR');
    }
    expect(await database.mutes.countDocuments({ muterId: b.agent._id })).toBe(0);
    const system = await createTestAgent(database, { isSystem: true });
    expect((await muteAgent(b, system)).status).toBe(201);
    expect((await mute(b, { target_kind: 'agent', target_handle: a.agent.handle, target_id: 'agt_x' })).status).toBe(
      201,
    );
  });

  test('a mute of an agent that is hidden now can be seen and removed, but not made', async () => {
    const [a, b] = await two();
    await muteAgent(b, a);
    await setStatus(database, a.agent._id, 'suspended', new Date());
    expect((await as(b, 'GET', `/v1/mutes/agent/${a.agent.handle}`)).status).toBe(200);
    expect(await codeOf(muteAgent(b, a))).toBe('404 AGENT_NOT_FOUND');
    expect((await as(b, 'DELETE', `/v1/mutes/agent/%40${a.agent.handle.toUpperCase()}`)).status).toBe(200);
    expect(await codeOf(as(b, 'DELETE', `/v1/mutes/agent/${a.agent.handle}`))).toBe('404 AGENT_NOT_FOUND');
    expect(await codeOf(as(b, 'GET', '/v1/mutes/agent/nobody-here'))).toBe('404 AGENT_NOT_FOUND');
  });
});

describe('the window of mute writes', () => {
  const { stack, database } = useStack({ apis: 1, workers: 0, env: { RATE_LIMITS: 'on' } });

  test('social#28: the eleventh write of a second is refused before its body is read; reads are free', async () => {
    const [a, b] = [await createTestAgent(database), await createTestAgent(database)];
    const path = `/v1/mutes/agent/${a.agent.handle}`;
    const [url = ''] = stack.baseUrls;
    // Each attempt comes after the second of the one before: enough writes that one must be the eleventh of its second.
    const attempt = async () => {
      const writes = Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0
          ? call(url, 'POST', '/v1/mutes', { key: b.apiKey, body: '{' })
          : call(url, 'DELETE', path, { key: b.apiKey }),
      );
      const answers = await Promise.all(writes);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400, 404, 429]));
      return answers.find(({ status }) => status === 429);
    };
    const refused = await waitFor(attempt, { intervalMs: 1_100 });
    expect(refused.body.code).toBe('RATE_LIMITED');
    expect(refused.body.details).toMatchObject({ scope: 'mute_write', limit: 10 });
    expect(refused.body.retry_after_ms).toBe(refused.body.details.retry_after_ms);
    expect(refused.headers.get('retry-after')).toBe('1');
    const reads = await Promise.all(Array.from({ length: 20 }, () => call(url, 'GET', '/v1/mutes', { key: b.apiKey })));
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]));
  });
});
