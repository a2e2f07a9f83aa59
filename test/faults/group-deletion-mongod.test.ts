import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { groupGuardId, type GroupGuard } from '../../domain/group';
import { countUndelivered } from '../../store/inbox/backlog';
import { findBinary } from '../../local/binaries';
import { startMongo, type Mongo } from '../../local/mongo';
import { freePort } from '../../local/ports';
import type { TestAgent } from '../support/agents';
import { seedGroupBacklog } from '../support/backlog';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';
import { useFolder } from '../support/folder';
import { useStack } from '../support/use-stack';
import { use } from '../support/use';

/** The database dies in the middle and comes back on the same data: nothing half-done is left, and nobody has to ask. */
describe('a deletion and a mongod that dies', () => {
  const folder = useFolder('mongod');
  const mongod = use(
    async () => ({ running: await start(await freePort()) }),
    ({ running }) => running.child.stop('SIGTERM', 10_000),
  );
  const { stack, database, url } = useStack(() => ({ mongoUri: mongod.running.uri }));
  const api = groupCalls(stack, database);

  /** A mongod of this file's own: the shared one serves other tests. */
  async function start(port: number): Promise<Mongo> {
    await mkdir(join(folder.path, 'data'), { recursive: true });
    const binary = await findBinary('mongod', { environment: process.env, onProgress: () => undefined });
    return startMongo({ binary, port, dbPath: join(folder.path, 'data'), env: process.env, cacheGigabytes: 0.25 });
  }
  async function killAndRestart(): Promise<void> {
    await mongod.running.child.stop('SIGKILL', 0);
    mongod.running = await start(mongod.running.port);
  }

  const guardOf = (groupId: string) => database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
  const finished = (groupId: string) =>
    waitFor(async () => (await database.groupDeletions.findOne({ _id: groupId }))?.outcome, {
      timeoutMs: 120_000,
      describe: 'the end of the flow',
    });
  const undelivered = (who: TestAgent): Promise<number> => countUndelivered(database, api.idOf(who));
  /** The state that every deletion comes to: one notice, one row and one count of it per member, all else delivered. */
  async function expectDeleted(groupId: string, members: TestAgent[]): Promise<void> {
    await finished(groupId);
    for (const who of members) {
      await waitFor(async () => (await api.sync(who)).length === 1, { describe: 'the notice' });
      expect((await api.sync(who)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
      expect(await undelivered(who)).toBe(1);
      const stored = { recipientId: api.idOf(who), status: 'stored' as const };
      expect(await database.envelopes.countDocuments(stored)).toBe(1);
    }
    const notices = await database.messages.countDocuments({ conversationId: groupId, content: /"group_deleted"/ });
    expect(notices).toBe(1);
    expect(await database.memberships.countDocuments({ groupId, leftAt: null })).toBe(0);
  }

  test('groups#17, groups#G1, groups#G3, groups#G19: a flow goes on by itself after mongod was killed', async () => {
    const [me, full, online] = await api.three();
    const groupId = await api.groupOf(me, full, online);
    await Promise.all([api.drain(full), api.drain(online)]);
    await seedGroupBacklog(database, full.agent._id, groupId, 12_000);
    const socket = await SocketClient.hello(url(), online.apiKey, ['ack']);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
    const delivered = () =>
      database.envelopes.countDocuments({ recipientId: api.idOf(full), conversationId: groupId, status: 'delivered' });
    const before = await delivered();
    await waitFor(async () => (await delivered()) > before, { intervalMs: 2 });
    await killAndRestart();
    await expectDeleted(groupId, [full, online]);
    const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(api.idOf(full)) });
    expect(inbox?.writtenOff).toEqual([]);
    await waitFor(() => socket.frames.some(({ type }) => type === 'group.deleted'));
    expect(socket.closed).toBeNull();
    socket.end();
  });

  test.each(['at once', 'as soon as the cut-over can be seen'])(
    'groups#17, groups#G2, groups#G4: killed around the cut-over, %s: nothing, or everything and told',
    async (moment) => {
      const [me, a, b] = await api.three();
      const groupId = await api.groupOf(me, a, b);
      await api.send(a, groupId, 'x');
      const deleting = api.deleteGroup(me, groupId).catch(() => null);
      if (moment !== 'at once') await waitFor(async () => (await guardOf(groupId))?.deleted ?? null, { intervalMs: 1 });
      await killAndRestart();
      const answer = await deleting;
      if (answer !== null) expect([200, 410, 503]).toContain(answer.status);
      const isDeleted = (await guardOf(groupId))?.deleted !== null;
      if (answer?.status === 200 || answer?.status === 410) expect(isDeleted).toBe(true);
      const again = await waitFor(
        async () => {
          const repeat = await api.deleteGroup(me, groupId);
          return repeat.status === 503 ? null : repeat;
        },
        { describe: 'an answer of the api' },
      );
      // A deletion without an answer may go on, and be done before its repeat.
      const outcomes = [[410, 'GROUP_DELETED'], ...(isDeleted ? [] : [[200, undefined]])];
      expect(outcomes).toContainEqual(outcomeOf(again));
      await expectDeleted(groupId, [a, b]);
    },
    240_000,
  );
});
