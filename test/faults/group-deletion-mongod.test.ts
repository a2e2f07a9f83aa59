import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupHeadId, type GroupHead } from '../../domain/group';
import { inboxInId, inboxOutId, type InboxInHead, type InboxOutHead } from '../../domain/heads';
import { findBinary } from '../../local/binaries';
import { startMongo, type Mongo } from '../../local/mongo';
import { freePort } from '../../local/ports';
import { openDatabase, type Database } from '../../store/database';
import type { TestAgent } from '../support/agents';
import { seedGroupBacklog } from '../support/backlog';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';

/** The database dies in the middle and comes back on the same data: nothing half-done is left, and nobody has to ask. */
describe('a deletion and a mongod that dies', () => {
  let folder: string;
  let mongo: Mongo;
  let stack: Stack;
  let database: Database;
  let api: ReturnType<typeof groupCalls>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentchat-mongod-'));
    await mkdir(join(folder, 'data'));
    mongo = await start(await freePort());
    stack = await startStack({ env: { MONGODB_URI: mongo.uri } });
    database = openDatabase({ uri: mongo.uri, name: stack.dbName });
    api = groupCalls(stack, database);
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
    await mongo.child.stop('SIGTERM', 10_000);
    await rm(folder, { recursive: true, force: true });
  });

  /** A mongod of this file's own: the shared one serves other tests. */
  async function start(port: number): Promise<Mongo> {
    const binary = await findBinary('mongod', { environment: process.env, onProgress: () => undefined });
    return startMongo({ binary, port, dbPath: join(folder, 'data'), env: process.env, cacheGigabytes: 0.25 });
  }
  async function killAndRestart(): Promise<void> {
    await mongo.child.stop('SIGKILL', 0);
    mongo = await start(mongo.port);
  }

  const headOf = (groupId: string) => database.heads.findOne<GroupHead>({ _id: groupHeadId(groupId) });
  const finished = (groupId: string) =>
    waitFor(async () => (await database.groupDeletions.findOne({ _id: groupId }))?.outcome, {
      timeoutMs: 120_000,
      describe: 'the end of the flow',
    });
  const undelivered = async (who: TestAgent): Promise<number> => {
    const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(api.idOf(who)) });
    const out = await database.heads.findOne<InboxOutHead>({ _id: inboxOutId(api.idOf(who)) });
    return (inbox?.enqueued ?? 0) - (out?.dequeued ?? 0);
  };
  /** The state that every deletion comes to: one notice, one row and one count of it per member, all else delivered. */
  async function expectDeleted(groupId: string, members: TestAgent[]): Promise<void> {
    await finished(groupId);
    for (const who of members) {
      await waitFor(async () => (await api.sync(who)).length === 1, { timeoutMs: 60_000, describe: 'the notice' });
      expect((await api.sync(who)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
      expect(await undelivered(who)).toBe(1);
      const stored = { recipientId: api.idOf(who), status: 'stored' as const };
      expect(await database.envelopes.countDocuments(stored)).toBe(1);
    }
    const notices = await database.messages.countDocuments({ conversationId: groupId, content: /"group_deleted"/ });
    expect(notices).toBe(1);
    expect(await database.memberships.countDocuments({ groupId, leftAt: null })).toBe(0);
  }

  test('groups#17, groups#G1, groups#G3, groups#G19: killed while rows are rewritten, the flow ends without any call of a client', async () => {
    const [me, full, online] = await api.three();
    const groupId = await api.groupOf(me, full, online);
    await Promise.all([api.drain(full), api.drain(online)]);
    await seedGroupBacklog(database, full.agent._id, groupId, 12_000);
    const socket = await SocketClient.hello(stack.baseUrls[0] ?? '', online.apiKey, ['ack']);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
    const delivered = () =>
      database.envelopes.countDocuments({ recipientId: api.idOf(full), conversationId: groupId, status: 'delivered' });
    const before = await delivered();
    await waitFor(async () => (await delivered()) > before, { intervalMs: 2, timeoutMs: 60_000 });
    await killAndRestart();
    await expectDeleted(groupId, [full, online]);
    const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(api.idOf(full)) });
    expect(inbox?.flushing).toEqual([]);
    await waitFor(() => socket.frames.some(({ type }) => type === 'group.deleted'), { timeoutMs: 60_000 });
    expect(socket.closed).toBeNull();
    socket.end();
  }, 240_000);

  test.each(['at once', 'as soon as the cut-over can be seen'])(
    'groups#17, groups#G2, groups#G4: killed around the cut-over, %s: nothing, or everything and told',
    async (moment) => {
      const [me, a, b] = await api.three();
      const groupId = await api.groupOf(me, a, b);
      await api.send(a, groupId, 'x');
      const deleting = api.deleteGroup(me, groupId).catch(() => null);
      if (moment !== 'at once') await waitFor(async () => (await headOf(groupId))?.deleted ?? null, { intervalMs: 1 });
      await killAndRestart();
      const answer = await deleting;
      if (answer !== null) expect([200, 410, 503]).toContain(answer.status);
      const isDeleted = (await headOf(groupId))?.deleted !== null;
      if (answer?.status === 200 || answer?.status === 410) expect(isDeleted).toBe(true);
      const again = await waitFor(
        async () => {
          const repeat = await api.deleteGroup(me, groupId);
          return repeat.status === 503 ? null : repeat;
        },
        { timeoutMs: 60_000, describe: 'an answer of the api' },
      );
      expect(outcomeOf(again)).toEqual(isDeleted ? [410, 'GROUP_DELETED'] : [200, undefined]);
      await expectDeleted(groupId, [a, b]);
    },
    240_000,
  );
});
