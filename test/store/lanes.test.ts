import { inboxInId, type InboxInHead } from '../../domain/heads';
import { makeGroup } from '../../bench/group-fixture';
import { createAgentReader } from '../../store/agents';
import { createCommitter, type Committer } from '../../store/committer/committer';
import { planHeadWrites } from '../../store/committer/head-writes';
import { HeadSet } from '../../store/committer/head-set';
import type { Database } from '../../store/database';
import { openTestDatabase, type TestDatabase } from '../support/database';
import { makeSenders, type Sender } from '../support/traffic';

const CONTENT = { type: 'text', content: '{"text":"hi"}', metadata: '{}', attachmentId: null } as const;

/** What one process writes at once: single sends beside fan-outs whose members they are for. */
describe('the lanes of one process', () => {
  const MEMBERS = 24;
  const ROUNDS = 12;
  let opened: TestDatabase;
  let database: Database;
  let committer: Committer;
  let conflicts = 0;
  let members: Sender[];
  let others: Sender[];
  let groupId: string;
  let sent = 0;

  beforeAll(async () => {
    opened = await openTestDatabase();
    ({ database } = opened);
    committer = createCommitter({
      database,
      agents: createAgentReader(database),
      clock: { now: () => new Date() },
      log: { error: () => undefined } as never,
      limitRate: false,
      observe: (batch) => (conflicts += batch.conflicts),
    });
    members = await makeSenders(database, MEMBERS);
    others = await makeSenders(database, 6);
    groupId = await makeGroup(
      database,
      members.map(({ id, handle }) => ({ id, handle, key: '' })),
    );
  });
  afterAll(() => opened.drop());

  const by = ({ id, handle }: Sender) => ({ id, handle, isSystem: false, keyVersion: 1, isRecalled: false });
  const next = (sender: Sender) => ({ ...CONTENT, sender: by(sender), clientMsgId: `lane-${(sent += 1)}` });
  const toGroup = (from: Sender) => committer.send({ ...next(from), groupId });
  const direct = (from: Sender, to: Sender) => committer.send({ ...next(from), to: to.handle });
  const at = (list: Sender[], index: number): Sender => {
    const found = list[index % list.length];
    if (found === undefined) throw new Error('somebody is needed');
    return found;
  };

  test('messaging#23: direct sends to members of a busy group neither collide with its fan-outs nor starve them', async () => {
    // Known to the process from here on: what it never wrote it cannot reserve.
    await toGroup(at(members, 0));
    for (const [index, other] of others.entries()) {
      await direct(other, at(members, index));
      await direct(at(members, index), other);
    }
    conflicts = 0;
    const fanOuts = [0, 1].map(async (lane) => {
      for (let round = 0; round < ROUNDS; round += 1) await toGroup(at(members, 10 + lane));
    });
    const singles = others.map(async (other, index) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await (round % 2 === 0 ? direct(other, at(members, index)) : direct(at(members, index), other));
      }
    });
    await Promise.all([...fanOuts, ...singles]);
    expect(conflicts).toBe(0);
    for (const { id } of members) {
      const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(id) });
      const positions = await database.envelopes.find({ recipientId: id }).sort({ position: 1 }).toArray();
      expect(positions.map(({ position }) => position)).toEqual(
        Array.from({ length: inbox?.enqueued ?? 0 }, (_, index) => index + 1),
      );
    }
  });

  test('a fan-out steps the inboxes of one version in one update, and finds out when one of them moved', async () => {
    await toGroup(at(members, 0));
    const ids = members.slice(1).map(({ id }) => inboxInId(id));
    const loaded = await database.heads.find<InboxInHead>({ _id: { $in: ids } }).toArray();
    const heads = new HeadSet(loaded);
    for (const inbox of loaded) {
      heads.put({ ...inbox, nextPosition: inbox.nextPosition + 1, enqueued: inbox.enqueued + 1 });
    }
    const planned = planHeadWrites(heads.changed());
    expect(planned.operations.length).toBe(1);
    await database.heads.updateOne({ _id: ids[3] ?? '' }, { $inc: { muteVersion: 1, v: 1 } });
    const session = database.client.startSession();
    session.startTransaction();
    const { matchedCount } = await database.heads.bulkWrite(planned.operations, { session });
    await session.abortTransaction();
    await session.endSession();
    expect(matchedCount).toBe(planned.count - 1);
  });
});
