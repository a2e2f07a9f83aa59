import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { groupGuardId, type GroupGuard } from '../../domain/group';
import { countUndelivered } from '../../store/inbox/backlog';
import type { TestAgent } from '../support/agents';
import { seedGroupBacklog } from '../support/backlog';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';
import { intentWorker } from '../support/intents';
import { addWebhook } from '../support/webhooks';
import { useStackEach } from '../support/use-stack';

/** Whoever dies and whenever: a deletion is all there or not at all, and once it is there everybody is told. */
describe('a deletion and processes that die', () => {
  const { stack, database, url } = useStackEach({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);

  const guardOf = (groupId: string) => database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
  const finished = (groupId: string) =>
    waitFor(async () => (await database.groupDeletions.findOne({ _id: groupId }))?.outcome, {
      timeoutMs: 120_000,
      describe: 'the end of the flow',
    });
  const undelivered = (who: TestAgent): Promise<number> => countUndelivered(database, api.idOf(who));
  const last = (text: string) => `{"data":{"schema_version":1,"event":"group_deleted","actor_handle":"${text}"}}`;

  test('groups#17, groups#G2, groups#G3: a deletion without the flow engine is answered and told later', async () => {
    const lonely = await stack.startApi({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const node = stack.baseUrls.indexOf(lonely.baseUrl);
    const [me, online, offline] = await api.three();
    const groupId = await api.groupOf(me, online, offline);
    const socket = await SocketClient.hello(url(), online.apiKey, ['ack']);
    const deleted = await api.deleteGroup(me, groupId, { node });
    expect(deleted.status).toBe(200);
    expect((await api.sync(offline)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
    expect(await database.outbox.countDocuments({ kind: 'group.deletion', groupId })).toBe(1);
    await stack.startWorker();
    await waitFor(() => socket.frames.some(({ type }) => type === 'group.deleted'));
    expect(await finished(groupId)).toMatchObject({ done: 2, dead: [] });
    expect(await database.outbox.countDocuments({ kind: 'group.deletion', groupId })).toBe(0);
    socket.end();
  });

  test('groups#17, groups#G4, groups#G10: an api killed at the cut-over leaves nothing or the whole of it', async () => {
    await stack.startWorker();
    for (let round = 0; round < 3; round += 1) {
      const victim = stack.apis.filter((one) => one.isRunning())[0];
      const [me, a, b] = await api.three();
      const groupId = await api.groupOf(me, a, b);
      await Promise.all([
        api.send(a, groupId, 'x'),
        addWebhook(database, api.idOf(a), ['message.new', 'group.deleted']),
      ]);
      const survivor = url(1);
      const socket = await SocketClient.hello(survivor, b.apiKey, ['ack']);
      const deleting = api.deleteGroup(me, groupId).catch(() => null);
      // At once, or as soon as the cut-over can be seen.
      if (round > 0) await waitFor(async () => (await guardOf(groupId))?.deleted ?? null, { intervalMs: 1 });
      if (victim !== undefined) await stack.kill(victim);
      await deleting;
      const guard = await guardOf(groupId);
      if (guard?.deleted === null) {
        expect((await api.send(a, groupId, 'still alive')).status).toBe(201);
        expect((await api.deleteGroup(me, groupId)).status).toBe(200);
      } else expect(outcomeOf(await api.deleteGroup(me, groupId))).toEqual([410, 'GROUP_DELETED']);
      await waitFor(() => socket.frames.some(({ type }) => type === 'group.deleted'));
      await finished(groupId);
      const notices = await database.messages
        .find({ conversationId: groupId, content: last(api.handleOf(me)) })
        .toArray();
      expect(notices).toHaveLength(1);
      const messageId = notices[0]?._id ?? '';
      expect(socket.messages().at(-1)?.id).toBe(messageId);
      for (const who of [a, b]) {
        expect((await api.sync(who)).map(({ id }) => id)).toEqual([messageId]);
        expect(await database.envelopes.countDocuments({ recipientId: api.idOf(who), messageId })).toBe(1);
        expect(await undelivered(who)).toBe(1);
      }
      const targetId = api.idOf(a);
      await intentWorker(database).expandAll();
      expect(await database.deliveries.countDocuments({ agentId: targetId, messageId })).toBe(1);
      expect(await database.deliveries.countDocuments({ agentId: targetId, event: 'group.deleted' })).toBe(1);
      socket.end();
      await stack.startApi();
    }
  });

  test('groups#G1, groups#G3, groups#G19: rows are counted once though the worker is killed meanwhile', async () => {
    const [me, full] = await api.two();
    const groupId = await api.groupOf(me, full);
    await api.drain(full);
    const rows = await seedGroupBacklog(database, full.agent._id, groupId, 6_000);
    const worker = await stack.startWorker();
    expect(await undelivered(full)).toBe(rows);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
    const delivered = () =>
      database.envelopes.countDocuments({ recipientId: api.idOf(full), conversationId: groupId, status: 'delivered' });
    const before = await delivered();
    await waitFor(async () => (await delivered()) > before, { intervalMs: 2 });
    await stack.kill(worker);
    const seen = async () => (await api.sync(full)).map((row) => eventOf(row).event);
    expect(await seen()).toEqual(['group_deleted']);
    expect(await undelivered(full)).toBe(1);
    await stack.startWorker();
    await finished(groupId);
    expect(await seen()).toEqual(['group_deleted']);
    expect(await undelivered(full)).toBe(1);
    const stored = { recipientId: api.idOf(full), status: 'stored' as const };
    expect(await database.envelopes.countDocuments(stored)).toBe(1);
    const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(api.idOf(full)) });
    expect(inbox?.writtenOff).toEqual([]);
    await api.drain(full);
    expect(await undelivered(full)).toBe(0);
  });
});
