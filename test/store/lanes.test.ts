import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { makeGroup } from '../../bench/group-fixture';
import { createAgentReader } from '../../store/agents/agents';
import { createCommitter, type Committer } from '../../store/sending/committer';
import { planGuardWrites } from '../../store/sending/guard-writes';
import { GuardSet } from '../../store/sending/guard-set';
import { addChange } from '../../store/groups/group-joins';
import { addContact } from '../../store/contacts/relations';
import { setMute } from '../../store/contacts/set-mute';
import { createTestAgents } from '../support/agents';
import { useDatabase } from '../support/database';
import { makeSenders, type Sender } from '../support/traffic';
import { itemAt } from '../support/exactly';

const CONTENT = { type: 'text', content: '{"text":"hi"}', metadata: '{}', attachmentId: null } as const;

/** What one process writes at once: single sends beside fan-outs whose members they are for. */
describe('the lanes of one process', () => {
  const MEMBERS = 24;
  const ROUNDS = 12;
  let committer: Committer;
  let conflicts = 0;
  let members: Sender[];
  let others: Sender[];
  let groupId: string;
  let sent = 0;

  const database = useDatabase();

  beforeAll(async () => {
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

  const by = ({ id, handle }: Sender) => ({ id, handle, isSystem: false, keyVersion: 1, isCached: false });
  const next = (sender: Sender) => ({ ...CONTENT, sender: by(sender), clientMsgId: `lane-${(sent += 1)}` });
  const toGroup = (from: Sender) => committer.send({ ...next(from), groupId });
  const direct = (from: Sender, to: Sender) => committer.send({ ...next(from), to: to.handle });
  const at = (list: Sender[], index: number): Sender => itemAt(list, index % list.length);

  test('messaging#23: direct sends to members of a busy group neither collide with it nor starve it', async () => {
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
      const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(id) });
      const positions = await database.envelopes.find({ recipientId: id }).sort({ position: 1 }).toArray();
      expect(positions.map(({ position }) => position)).toEqual(
        Array.from({ length: inbox?.enqueued ?? 0 }, (_, index) => index + 1),
      );
    }
  });

  // A batch looks for mutes before it decides, when who joins by it is no member yet.
  test('social.md §8.3: what a muted member says in the batch of a join is silent for who joins', async () => {
    const [alice, dave, bob] = await createTestAgents(database, 3);
    const at = new Date();
    await addContact(database, { from: bob.agent._id, to: alice.agent._id, at });
    const muted = { kind: 'agent', targetId: dave.agent._id, mutedUntil: null, at } as const;
    await setMute(database, { muterId: bob.agent._id, ...muted });
    const own = await makeGroup(
      database,
      [alice, dave].map(({ agent, apiKey: key }) => ({ id: agent._id, handle: agent.handle, key })),
    );
    const adding = { caller: alice.agent, target: bob.agent, mode: 'auto_contacts' } as const;
    const speaker = { id: dave.agent._id, handle: dave.agent.handle, key: '' };
    // In one turn of the loop: one batch.
    await Promise.all([
      committer.change(addChange({ database, agents: createAgentReader(database) }, own, adding)),
      committer.send({ ...next(speaker), groupId: own }),
    ]);
    const rows = await database.envelopes.find({ recipientId: bob.agent._id }).sort({ seq: 1 }).toArray();
    expect(rows.map(({ senderId, muted: isMuted }) => [senderId, isMuted])).toEqual([
      [alice.agent._id, undefined],
      [dave.agent._id, true],
    ]);
  });

  test('a fan-out steps the inboxes of one version in one update, and finds out when one of them moved', async () => {
    await toGroup(at(members, 0));
    const ids = members.slice(1).map(({ id }) => inboxInId(id));
    const loaded = await database.guards.find<InboxInGuard>({ _id: { $in: ids } }).toArray();
    const guards = new GuardSet(loaded);
    for (const inbox of loaded) {
      guards.put({ ...inbox, nextPosition: inbox.nextPosition + 1, enqueued: inbox.enqueued + 1 });
    }
    const planned = planGuardWrites(guards.changed());
    expect(planned.operations.length).toBe(1);
    await database.guards.updateOne({ _id: ids[3] ?? '' }, { $inc: { muteVersion: 1, v: 1 } });
    const session = database.client.startSession();
    session.startTransaction();
    const { matchedCount } = await database.guards.bulkWrite(planned.operations, { session });
    await session.abortTransaction();
    await session.endSession();
    expect(matchedCount).toBe(planned.count - 1);
  });
});
