import { groupGuardId, type GroupGuard } from '../../domain/group';
import { createGroup } from '../../store/groups/group-changes';
import { membershipId } from '../../store/schema/collections/groups';
import { setStatus } from '../../store/accounts/account-facts';
import { setBlock } from '../../store/contacts/relations';
import type { TestAgent } from '../support/agents';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { useStack } from '../support/use-stack';
import { pace } from '../support/pace';

/**
 * Everything that happens in one group takes effect one at a time, whichever process it came through. Each race runs
 * through two of them; without the group's guard each of these fails within a few rounds.
 */
describe('races in a group on two processes', () => {
  const ROUNDS = 5;
  const { stack, database } = useStack({ apis: 2, workers: 1 });
  const api = groupCalls(stack, database);

  const guardOf = async (groupId: string): Promise<GroupGuard> => {
    const guard = await database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
    if (guard === null) throw new Error('no such group');
    return guard;
  };
  const activeRows = (groupId: string) => database.memberships.countDocuments({ groupId, leftAt: null });
  /** The group's own invariants: rows and guard agree, the sequence has no gap. */
  const expectWhole = async (groupId: string) => {
    const guard = await guardOf(groupId);
    expect(await activeRows(groupId)).toBe(guard.members.length);
    expect(guard.memberCount).toBe(guard.members.length);
    const seqs = await database.messages.find({ conversationId: groupId }).sort({ seq: 1 }).toArray();
    expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: guard.nextSeq - 1 }, (_, index) => index + 1));
  };

  /** A group with 255 members, all but the creator without sockets or calls of their own. */
  async function almostFull(creator: TestAgent): Promise<string> {
    const group = await createGroup(database, creator.agent, {
      name: 'nearly full',
      description: null,
      avatarUrl: null,
      at: new Date(),
    });
    const { groupId } = group;
    const extra = await api.agents(2);
    const filler = Array.from({ length: 254 }, (_, index) => extra[index % 2]?.agent);
    // Members as far as the count goes: the rules look at the number of entries only.
    const members = filler.map((agent, index) => ({
      agentId: `${agent?._id}-${index}`,
      handle: `filler-${index}`,
      role: 'member' as const,
      joinedAt: group.createdAt,
      joinedSeq: 1,
    }));
    for (const { agentId } of members) {
      const inbox = { status: 'deleted', v: 1, nextPosition: 1, enqueued: 0, webhooks: 0, muteVersion: 0, salt: 'x' };
      await database.guards.insertOne({ _id: `inbox-in:${agentId}`, ...inbox } as never);
      await database.memberships.insertOne({
        _id: membershipId(groupId, agentId),
        groupId,
        agentId,
        role: 'member',
        joinedAt: group.createdAt,
        joinedSeq: 1,
        leftAt: null,
      });
    }
    const all = [...group.members, ...members];
    await database.guards.updateOne(
      { _id: groupGuardId(groupId) },
      { $set: { members: all, memberCount: all.length }, $inc: { v: 1 } },
    );
    return groupId;
  }

  test('groups#5: of two accepts for place 256 one joins; the other keeps its invitation', async () => {
    const creator = await api.agent();
    const groupId = await almostFull(creator);
    for (let round = 0; round < 3; round += 1) {
      const [one, other] = await api.two();
      const invitations = await Promise.all([one, other].map((who) => api.add(creator, groupId, who)));
      const answers = await Promise.all(
        [one, other].map((who, node) => api.accept(who, invitations[node]?.body.invite_id, { node })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const loser = answers[0]?.status === 409 ? one : other;
      const refused = answers.find(({ status }) => status === 409);
      expect(refused?.body).toMatchObject({ code: 'GROUP_FULL', details: { max_members: 256 } });
      expect(await api.invites(loser)).toHaveLength(1);
      expect((await guardOf(groupId)).members).toHaveLength(256);
      expect(outcomeOf(await api.add(creator, groupId, await befriended(creator)))).toEqual([409, 'GROUP_FULL']);
      const winner = loser === one ? other : one;
      expect((await api.leave(winner, groupId)).status).toBe(200);
      const [invitation] = await api.invites(loser);
      expect((await api.accept(loser, invitation.id)).status).toBe(200);
      await api.leave(loser, groupId);
    }
    await expectWhole(groupId);
  });

  async function befriended(creator: TestAgent): Promise<TestAgent> {
    const friend = await api.agent();
    await api.saves(friend, creator);
    return friend;
  }

  test('groups#9: two last admins leave at once: exactly one is followed by the next member', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, admin, member] = await api.three();
      const groupId = await api.groupOf(me, admin, member);
      await api.promote(me, groupId, admin);
      const left = await Promise.all([api.leave(me, groupId), api.leave(admin, groupId, { node: 1 })]);
      expect(left.map(({ body }) => body.promoted_handle).sort()).toEqual([api.handleOf(member), null].sort());
      const automatic = { conversationId: groupId, content: /"actor_handle":null/ };
      expect(await database.messages.countDocuments(automatic)).toBe(1);
      expect((await guardOf(groupId)).members.map(({ role }) => role)).toEqual(['admin']);
      await expectWhole(groupId);
    }
  });

  test('groups#16, groups#G6, groups#G1, groups#G5: sends that race a deletion precede it or are refused', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, a, b] = await api.three();
      const groupId = await api.groupOf(me, a, b);
      const sends = Array.from({ length: 100 }, (_, index) =>
        api.send([a, b][index % 2] ?? a, groupId, `m${index}`, { node: index % 2 }),
      );
      await Promise.race(sends);
      const deletion = await api.deleteGroup(me, groupId, { node: round % 2 });
      expect(deletion.status).toBe(200);
      const answers = await Promise.all(sends);
      const notice = await database.messages.findOne({ conversationId: groupId }, { sort: { seq: -1 } });
      expect(notice?.content).toContain('group_deleted');
      for (const answer of answers) {
        if (answer.status === 201) expect(answer.body.seq).toBeLessThan(notice?.seq ?? 0);
        else expect(outcomeOf(answer)).toEqual([410, 'GROUP_DELETED']);
      }
      for (const who of [a, b]) expect((await api.sync(who)).map(({ id }) => id)).toEqual([notice?._id]);
      expect((await guardOf(groupId)).nextSeq).toBe((notice?.seq ?? 0) + 1);
      await expectWhole(groupId);
    }
  });

  test('groups#18, groups#G4: of two deletions at once one wins, and everybody is told of the winner', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, member, former] = await api.three();
      const stranger = await api.agent();
      const groupId = await api.groupOf(me, member, former);
      await api.leave(former, groupId);
      const key = { headers: { 'idempotency-key': `delete-${groupId}` } };
      const answers = await Promise.all([api.deleteGroup(me, groupId, key), api.deleteGroup(me, groupId, { node: 1 })]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 410]);
      const winner = answers.find(({ status }) => status === 200);
      const loser = answers.find(({ status }) => status === 410);
      expect(loser?.body.details).toEqual({
        group_id: groupId,
        deleted_by_handle: api.handleOf(me),
        deleted_at: winner?.body.deleted_at,
      });
      const again = await api.deleteGroup(me, groupId, key);
      expect([again.status, again.text]).toEqual([answers[0]?.status, answers[0]?.text]);
      expect((await api.deleteGroup(former, groupId)).body.details).toEqual(loser?.body.details);
      expect(outcomeOf(await api.deleteGroup(stranger, groupId))).toEqual([404, 'GROUP_NOT_FOUND']);
      const notices = await database.messages.countDocuments({ conversationId: groupId, content: /group_deleted/ });
      expect(notices).toBe(1);
    }
  });

  test('groups#G8, groups#G17: a join that races a deletion is before it, or refused without a trace', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, invitee, friend] = await api.three();
      const groupId = await api.groupOf(me);
      const { body } = await api.add(me, groupId, invitee);
      await api.saves(friend, me);
      const [accepted, added, deleted] = await Promise.all([
        api.accept(invitee, body.invite_id, { node: 1 }),
        api.add(me, groupId, friend, { node: round % 2 }),
        api.deleteGroup(me, groupId),
      ]);
      expect(deleted.status).toBe(200);
      const told = (await database.groupDeletions.findOne({ _id: groupId }))?.recipients.map(({ agentId }) => agentId);
      for (const [who, isIn] of [
        [invitee, accepted.status === 200],
        [friend, added.status === 201],
      ] as const) {
        expect(told?.includes(api.idOf(who))).toBe(isIn);
        const row = await database.memberships.findOne({ _id: membershipId(groupId, api.idOf(who)) });
        expect(row === null).toBe(!isIn);
        expect((await api.sync(who)).map((message) => eventOf(message).event)).toEqual(isIn ? ['group_deleted'] : []);
        expect(await api.invites(who)).toEqual([]);
      }
      if (accepted.status !== 200) expect([404, 410]).toContain(accepted.status);
      if (added.status !== 201) expect(outcomeOf(added)).toEqual([410, 'GROUP_DELETED']);
      expect(await activeRows(groupId)).toBe(0);
    }
  });

  test('an add that races a block is before it or refused; leave against removal ends in one message', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, target, member] = await api.three();
      const groupId = await api.groupOf(me, member);
      await api.saves(target, me);
      const adding = [0, 1].map((node) => api.add(me, groupId, target, { node }));
      await setBlock(database, { from: api.idOf(target), to: api.idOf(me), at: new Date() });
      const isIn = (await guardOf(groupId)).members.some(({ agentId }) => agentId === api.idOf(target));
      const answers = await Promise.all(adding);
      expect((await guardOf(groupId)).members.some(({ agentId }) => agentId === api.idOf(target))).toBe(isIn);
      expect(answers.filter(({ body }) => body.outcome === 'joined')).toHaveLength(isIn ? 1 : 0);
      expect(outcomeOf(await api.add(me, groupId, target))).toEqual([403, 'BLOCKED']);
      const [left, removed] = await Promise.all([
        api.leave(member, groupId),
        api.remove(me, groupId, member, { node: 1 }),
      ]);
      expect([left.status, removed.status].filter((status) => status === 200)).toHaveLength(1);
      if (left.status !== 200) expect(outcomeOf(left)).toEqual([404, 'GROUP_NOT_FOUND']);
      if (removed.status !== 200) expect(outcomeOf(removed)).toEqual([404, 'NOT_MEMBER']);
      await expectWhole(groupId);
    }
  });

  test("groups#10: an admin's deletion that races the reinstatement of the creator is before it or refused", async () => {
    for (let round = 0; round < ROUNDS * 2; round += 1) {
      const [creator, admin] = await api.two();
      // A full group: between what the deletion read and its commit there is time for the reinstatement.
      const groupId = await almostFull(creator);
      await api.saves(admin, creator);
      await api.add(creator, groupId, admin);
      await api.promote(creator, groupId, admin);
      // Out of the group: else its inbox, which the notice writes, would tell of the new status, too.
      await api.leave(creator, groupId);
      await setStatus(database, api.idOf(creator), 'suspended', new Date());
      const deleting = api.deleteGroup(admin, groupId, { node: round % 2 });
      await pace(round * 2, 'each round reinstates at another moment of the deletion');
      await setStatus(database, api.idOf(creator), 'active', new Date());
      const wasDeleted = (await guardOf(groupId)).deleted !== null;
      const answer = await deleting;
      expect((await guardOf(groupId)).deleted !== null).toBe(wasDeleted);
      expect(outcomeOf(answer)).toEqual(wasDeleted ? [200, undefined] : [403, 'FORBIDDEN']);
    }
  });

  test('two invitations of one agent at once are one, which is accepted or rejected but never both', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [me, admin, invitee] = await api.three();
      const groupId = await api.groupOf(me, admin);
      await api.promote(me, groupId, admin);
      const adds = await Promise.all([api.add(me, groupId, invitee), api.add(admin, groupId, invitee, { node: 1 })]);
      expect(new Set(adds.map(({ body }) => body.invite_id)).size).toBe(1);
      const id = adds[0]?.body.invite_id;
      const [accepted, rejected] = await Promise.all([api.accept(invitee, id, { node: 1 }), api.reject(invitee, id)]);
      expect([accepted.status, rejected.status].sort()).toEqual([200, 404]);
      expect((await guardOf(groupId)).memberCount).toBe(accepted.status === 200 ? 3 : 2);
    }
  });
});
