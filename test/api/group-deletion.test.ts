import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { setMute } from '../../store/contacts/set-mute';
import type { Parsed, TestAgent } from '../support/agents';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';

describe('deletion of a group', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 1 });
  const api = groupCalls(stack, database);

  const finished = (groupId: string) =>
    waitFor(async () => (await database.groupDeletions.findOne({ _id: groupId }))?.outcome, {
      describe: 'the end of the flow',
    });

  async function group(members: number): Promise<{ groupId: string; creator: TestAgent; others: TestAgent[] }> {
    const creator = await api.agent();
    const others = await api.agents(members - 1);
    return { groupId: await api.groupOf(creator, ...others), creator, others };
  }

  test('groups#19, groups#G1, groups#G5: the notice is all that is left, whoever asks whatever', async () => {
    const { groupId, creator, others } = await group(3);
    const [bob, eve] = others;
    if (bob === undefined || eve === undefined) throw new Error('two members');
    const sent = await api.send(creator, groupId, 'before');
    await api.leave(eve, groupId);
    const deleted = await api.deleteGroup(creator, groupId);
    expect(deleted.status).toBe(200);
    const rows = await api.sync(bob);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      type: 'system',
      created_at: deleted.body.deleted_at,
      sender: api.handleOf(creator),
    });
    expect(rows[0].seq).toBeGreaterThan(sent.body.seq);
    expect(eventOf(rows[0])).toEqual({
      schema_version: 1,
      event: 'group_deleted',
      actor_handle: api.handleOf(creator),
    });
    expect([await api.sync(eve), await api.sync(creator)]).toEqual([[], []]);
    const info = { group_id: groupId, deleted_by_handle: api.handleOf(creator), deleted_at: deleted.body.deleted_at };
    const [stranger] = await api.agents(1);
    if (stranger === undefined) throw new Error('a stranger');
    const asks: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { name: 'x' }],
      ['DELETE', ''],
      ['POST', '/leave'],
      ['POST', '/members', { handle: api.handleOf(stranger) }],
      ['DELETE', `/members/${api.handleOf(bob)}`],
      ['POST', `/members/${api.handleOf(bob)}/promote`],
      ['POST', `/members/${api.handleOf(bob)}/demote`],
    ];
    for (const [method, path, body] of asks) {
      for (const who of [creator, bob, eve]) {
        const answer = await api.as(who, method, `/v1/groups/${groupId}${path}`, { body });
        expect([method, path, ...outcomeOf(answer)]).toEqual([method, path, 410, 'GROUP_DELETED']);
        expect(answer.body.details).toEqual(info);
      }
      const masked = await api.as(stranger, method, `/v1/groups/${groupId}${path}`, { body });
      const unknown = await api.as(stranger, method, `/v1/groups/grp_AAAAAAAAAAAAAAAA${path}`, { body });
      expect([masked.status, masked.text]).toEqual([404, unknown.text]);
    }
    expect((await api.send(bob, groupId, 'too late')).body.details).toEqual(info);
    expect(outcomeOf(await api.send(stranger, groupId, 'who?'))).toEqual([404, 'GROUP_NOT_FOUND']);
    expect((await api.as(bob, 'GET', `/v1/messages/${groupId}`)).status).toBeGreaterThan(400);
    await finished(groupId);
    expect(await database.envelopes.countDocuments({ conversationId: groupId, status: 'stored' })).toBe(1);
  });

  test('groups#22: a replay of a send from before the deletion still answers the original', async () => {
    const { groupId, creator } = await group(2);
    const body = { conversation_id: groupId, client_msg_id: 'kept', content: { text: 'x' } };
    const sent = await api.as(creator, 'POST', '/v1/messages', { body });
    await api.deleteGroup(creator, groupId);
    const replay = await api.as(creator, 'POST', '/v1/messages', { body });
    expect([replay.status, replay.body.id]).toEqual([200, sent.body.id]);
  });

  test('groups#20, groups#G11, groups#G13, groups#G14, groups#G15: members in any state get the notice', async () => {
    const { groupId, creator, others } = await group(6);
    const [online, muted, paused, suspended, ended] = others;
    if (!online || !muted || !paused || !suspended || !ended) throw new Error('five members');
    const at = new Date();
    await setMute(database, {
      muterId: api.idOf(muted),
      kind: 'conversation',
      targetId: groupId,
      mutedUntil: null,
      at,
    });
    await setMute(database, {
      muterId: api.idOf(muted),
      kind: 'agent',
      targetId: api.idOf(creator),
      mutedUntil: null,
      at,
    });
    await setPause(database, api.idOf(paused), 'full', at);
    await setStatus(database, api.idOf(suspended), 'suspended', at);
    await deleteAgent(database, api.idOf(ended), at);
    const sockets = await Promise.all([online, muted].map((who, node) => SocketClient.hello(url(node), who.apiKey)));
    await Promise.all(sockets.map((socket) => socket.untilMessages(1)));
    const { body } = await api.deleteGroup(creator, groupId);
    for (const socket of sockets) {
      await waitFor(() => socket.frames.some(({ type }) => type === 'group.deleted'));
      const [notice, last]: Parsed[] = socket.frames.slice(-2);
      expect(notice.type).toBe('message.new');
      expect(notice.payload.content).toMatchObject({ data: { event: 'group_deleted' } });
      expect(last.payload).toEqual({
        group_id: groupId,
        deleted_by_handle: api.handleOf(creator),
        deleted_at: body.deleted_at,
      });
      socket.end();
    }
    expect(await finished(groupId)).toMatchObject({ done: 4, paused: 1, dead: [] });
    await setPause(database, api.idOf(paused), 'none', new Date());
    await setStatus(database, api.idOf(suspended), 'active', new Date());
    for (const who of [paused, suspended])
      expect((await api.sync(who)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
  });

  test('a deletion in the middle of a drain: nothing of the group comes after the notice on any socket', async () => {
    const { groupId, creator, others } = await group(2);
    const [member] = others;
    if (member === undefined) throw new Error('a member');
    for (let index = 0; index < 25; index += 1) {
      await Promise.all(Array.from({ length: 20 }, (_, lane) => api.send(creator, groupId, `${index}-${lane}`)));
    }
    const sockets = await Promise.all(
      stack.baseUrls.map((baseUrl) => SocketClient.hello(baseUrl, member.apiKey, ['ack'])),
    );
    await sockets[0]?.untilMessages(1);
    expect((await api.deleteGroup(creator, groupId)).status).toBe(200);
    for (const socket of sockets) {
      const isTold = () => socket.frames.some(({ type }) => type === 'group.deleted');
      await waitFor(isTold, { describe: 'the end of the group' });
      const [notice]: Parsed[] = socket.messages().slice(-1);
      expect(eventOf(notice).event).toBe('group_deleted');
      const seqs = socket.messages().map(({ seq }) => seq);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      expect(socket.frames.at(-1)?.type).toBe('group.deleted');
      socket.end();
    }
    await finished(groupId);
  });
});
