import { groupGuardId, type GroupGuard } from '../../domain/group';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { setMute } from '../../store/contacts/set-mute';
import { setBlock } from '../../store/contacts/relations';
import type { CallAnswer, TestAgent } from '../support/agents';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack, withStack } from '../support/use-stack';
import { SocketClient } from '../realtime/socket-client';
import { pretendBacklog } from '../support/backlog';

describe('messages in a group', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);

  const setBacklog = (who: TestAgent, undelivered: number) => pretendBacklog(database, api.idOf(who), undelivered);

  test('groups#14, messaging#18: a full member is named and skipped; the notice reaches it all the same', async () => {
    const [me, full, other] = await api.three();
    const groupId = await api.groupOf(me, full, other);
    await Promise.all([api.drain(full), api.drain(other)]);
    await setBacklog(full, 20_000);
    const sent = await api.send(me, groupId, 'one');
    expect([sent.status, sent.body.skipped_recipients]).toEqual([201, [api.handleOf(full)]]);
    expect(sent.headers.get('x-backlog-warning')).toBeNull();
    expect((await api.sync(full)).length).toBe(0);
    expect(await api.sync(other)).toHaveLength(1);
    const group = await database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
    expect(group?.missed[api.idOf(full)]).toBe(1);
    expect(group?.missed[api.idOf(other)]).toBeUndefined();
    await api.deleteGroup(me, groupId);
    expect((await api.sync(full)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
  });

  test('every member full: still 201, in the order of joining', async () => {
    const [me, one, two] = await api.three();
    const groupId = await api.groupOf(me, one, two);
    await Promise.all([setBacklog(one, 20_000), setBacklog(two, 20_000)]);
    const sent = await api.send(me, groupId, 'to nobody', { node: 1 });
    expect([sent.status, sent.body.skipped_recipients]).toEqual([201, [api.handleOf(one), api.handleOf(two)]]);
  });

  test('groups#15: a mute of the group keeps the message and silences it; an expired one does not', async () => {
    const [me, muted, expired] = await api.three();
    const groupId = await api.groupOf(me, muted, expired);
    await Promise.all([api.drain(muted), api.drain(expired)]);
    const mute = { kind: 'conversation', targetId: groupId, at: new Date() } as const;
    await setMute(database, { ...mute, muterId: api.idOf(muted), mutedUntil: null });
    await setMute(database, { ...mute, muterId: api.idOf(expired), mutedUntil: new Date(Date.now() - 1) });
    const sockets = await Promise.all([muted, expired].map((who) => SocketClient.hello(url(), who.apiKey, ['ack'])));
    const sent = await api.send(me, groupId, 'psst');
    await sockets[1]?.untilMessages(1);
    const dm = await api.as(me, 'POST', '/v1/messages', {
      body: { to: api.handleOf(muted), client_msg_id: 'dm', content: 'a direct message after it' },
    });
    await sockets[0]?.untilMessages(1);
    expect(sockets[0]?.messages().map(({ id }) => id)).toEqual([dm.body.id]);
    expect((await api.sync(muted)).map(({ id }) => id)).toEqual([sent.body.id, dm.body.id]);
    for (const socket of sockets) socket.end();
  });

  test('groups#13: who joins after a message was written gets neither its envelope nor its frame', async () => {
    const [me, member, late] = await api.three();
    const groupId = await api.groupOf(me, member);
    await api.saves(late, me);
    const socket = await SocketClient.hello(url(1), late.apiKey, ['ack']);
    const sends = Array.from({ length: 20 }, (_, index) => api.send(me, groupId, `m${index}`, { node: index % 2 }));
    expect((await api.add(me, groupId, late)).body.outcome).toBe('joined');
    await Promise.all(sends);
    const last = await api.send(member, groupId, 'last');
    const cut = (await database.memberships.findOne({ _id: `${groupId}:${api.idOf(late)}` }))?.joinedSeq ?? 0;
    await socket.untilMessages(last.body.seq - cut + 1);
    expect(socket.messages().map(({ seq }) => seq)).toEqual(
      Array.from({ length: last.body.seq - cut + 1 }, (_, index) => cut + index),
    );
    expect((await api.sync(late)).map(({ seq }) => seq)[0]).toBe(cut);
    socket.end();
  });

  test('a group send is checked in order: body, size, replay, group, membership, pause', async () => {
    const [me, member, stranger] = await api.three();
    const groupId = await api.groupOf(me, member);
    const post = (who: TestAgent, body: object) => api.as(who, 'POST', '/v1/messages', { body }).then(outcomeOf);
    const message = { conversation_id: groupId, client_msg_id: 'x', content: 'x' };
    expect(await post(me, { ...message, to: 'bob' })).toEqual([400, 'VALIDATION_ERROR']);
    expect(await post(me, { ...message, type: 'system' })).toEqual([400, 'VALIDATION_ERROR']);
    expect(await post(stranger, { ...message, content: 'x'.repeat(32_769) })).toEqual([413, 'CONTENT_TOO_LARGE']);
    expect(await post(me, { ...message, conversation_id: 'grp_unknown' })).toEqual([404, 'GROUP_NOT_FOUND']);
    await setPause(database, api.idOf(stranger), 'send', new Date());
    expect(await post(stranger, message)).toEqual([404, 'GROUP_NOT_FOUND']);
    const direct = await api.as(me, 'POST', '/v1/messages', {
      body: { to: api.handleOf(member), client_msg_id: 'dm', content: 'x' },
    });
    const wrong = { ...message, conversation_id: direct.body.conversation_id };
    expect(await post(member, wrong)).toEqual([400, 'VALIDATION_ERROR']);
    expect(await post(stranger, wrong)).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(await post(me, { ...wrong, client_msg_id: 'dm' })).toEqual([200, undefined]);
    await setBlock(database, { from: api.idOf(member), to: api.idOf(me), at: new Date() });
    await setStatus(database, api.idOf(me), 'restricted', new Date());
    expect(await post(me, { ...message, client_msg_id: 'y' })).toEqual([201, undefined]);
    for (const pause of ['send', 'full'] as const) {
      await setPause(database, api.idOf(me), pause, new Date());
      expect(await post(me, { ...message, client_msg_id: pause })).toEqual([403, 'AGENT_PAUSED_BY_OWNER']);
      expect((await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { name: pause } })).status).toBe(200);
    }
  });

  test('messaging#15: group traffic between strangers leaves a direct send between them cold', async () => {
    const [me, a, b] = await api.three();
    const groupId = await api.groupOf(me, a, b);
    await api.send(a, groupId, 'hi');
    await api.send(b, groupId, 'hi');
    const open = (id: string) =>
      api.as(a, 'POST', '/v1/messages', { body: { to: api.handleOf(b), client_msg_id: id, content: 'x' } });
    expect((await open('one')).status).toBe(201);
    expect(outcomeOf(await open('two'))).toEqual([403, 'AWAITING_REPLY']);
  });

  test('realtime#13: sends of several members on two nodes reach every socket in ascending seq', async () => {
    const [me, a, b] = await api.three();
    const groupId = await api.groupOf(me, a, b);
    const readers = await Promise.all(
      [me, a, b].map((who, index) => SocketClient.hello(url(index % 2), who.apiKey, ['ack'])),
    );
    const senders = [me, a, b];
    await Promise.all(
      senders.flatMap((who) =>
        Array.from({ length: 20 }, (_, index) => api.send(who, groupId, `t${index}`, { node: index % 2 })),
      ),
    );
    for (const reader of readers) {
      await reader.untilMessages(40);
      const seqs = reader.messages().map(({ seq }) => seq);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      reader.end();
    }
    const seqs = await database.messages.find({ conversationId: groupId }).sort({ seq: 1 }).toArray();
    expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: 62 }, (_, index) => index + 1));
  });
});

test('groups#12, messaging#19: 20 sends of all members in one second on two nodes, other groups unaffected', async () => {
  await withStack({ apis: 2, workers: 0, env: { RATE_LIMITS: 'on' } }, async ({ stack, database }) => {
    const api = groupCalls(stack, database);
    const [me, a, b] = await api.three();
    const groupId = await api.groupOf(me, a, b);
    const otherId = await api.groupOf(me);
    const answers: CallAnswer[] = [];
    const wave = () =>
      Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          api.send([me, a, b][index % 3] ?? me, groupId, 'x', { node: index % 2 }),
        ),
      );
    // A slow machine may need several waves until one second is full.
    while (!answers.some(({ status }) => status === 429)) answers.push(...(await wave()));
    const accepted = answers.filter(({ status }) => status === 201);
    const perSecond = new Map<string, number>();
    for (const { body } of accepted) {
      const second = body.created_at.slice(0, 19);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBe(20);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'group', limit: 20 } });
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect((await api.send(me, otherId, 'x')).status).toBe(201);
  });
});
