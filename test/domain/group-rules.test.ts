import fc from 'fast-check';
import { findMember, hasAdmin, newGroup, type GroupGuard } from '../../domain/group';
import { decideAdd, routeOfAdd, type AddState } from '../../domain/group-add';
import {
  decideDelete,
  decideDemote,
  decideJoin,
  decideLeave,
  decidePromote,
  decideRemove,
} from '../../domain/group-changes';
import type { Actor, GroupDecision } from '../../domain/group-decision';
import { decideGroupSend, withMessage } from '../../domain/group-send';
import { noticeWaitMs, NOTICE_ATTEMPTS_MAX } from '../../domain/notice-retry';
import type { SenderGuard } from '../../domain/guards';

const at = (ms: number): Date => new Date(Date.UTC(2026, 0, 1) + ms);
const actor = (index: number): Actor => ({ id: `agt_${index}`, handle: `agent-${index}` });
const founded = (): GroupGuard =>
  newGroup({
    groupId: 'grp_x',
    name: 'x',
    description: null,
    avatarUrl: null,
    creator: actor(0),
    at: at(0),
  });

/** The guard as a commit leaves it: after the change, with one seq per note. */
function commit<T>(group: GroupGuard, decision: GroupDecision<T>, now: Date): GroupGuard {
  if (decision.kind !== 'changed') return group;
  return decision.effects.notes.reduce((guard) => withMessage(guard, now).group, decision.effects.group);
}

describe('the add pipeline', () => {
  test.each([
    ['open', true, 'auto_contacts', 'join'],
    ['open', false, 'auto_contacts', 'invite'],
    ['contacts_only', true, 'auto_contacts', 'join'],
    ['contacts_only', false, 'auto_contacts', 'refuse'],
    ['open', true, 'consent', 'invite'],
    ['open', false, 'consent', 'invite'],
    ['contacts_only', true, 'consent', 'invite'],
    ['contacts_only', false, 'consent', 'refuse'],
  ] as const)('policy %s, contact %s, mode %s: %s (groups.md §6.1)', (policy, isContact, mode, route) => {
    expect(routeOfAdd(policy, isContact, mode)).toBe(route);
  });

  test('a deletion that came first refuses, whatever else is wrong', () => {
    const group = founded();
    const deleted = commit(
      group,
      decideDelete(group, { caller: actor(0), creatorStatus: 'active', now: at(1) }),
      at(1),
    );
    const state: AddState = { group: deleted, target: null, isBlocked: true, isContact: false, invitationId: null };
    const command = { caller: actor(0), mode: 'auto_contacts', now: at(2), newInvitationId: 'gri_1' } as const;
    expect(decideAdd(state, command)).toMatchObject({
      kind: 'refused',
      code: 'GROUP_DELETED',
      details: { group_id: 'grp_x', deleted_by_handle: 'agent-0', deleted_at: at(1).toISOString() },
    });
  });
});

describe('whatever members do to each other', () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('join', 'leave', 'remove', 'promote', 'demote', 'delete'),
      caller: fc.nat({ max: 5 }),
      target: fc.nat({ max: 5 }),
      creatorIsHealthy: fc.boolean(),
    }),
    { maxLength: 60 },
  );

  test('no order of changes leaves a group without an admin, or removes its creator', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let group = founded();
        sequence.forEach(({ kind, caller, target, creatorIsHealthy }, index) => {
          const before = group;
          const now = at(index * 10);
          const who = { caller: actor(caller), target: actor(target), now };
          const decision = ((): GroupDecision<unknown> => {
            switch (kind) {
              case 'join':
                return decideJoin(group, { joiner: actor(target), by: actor(caller), now });
              case 'leave':
                return decideLeave(group, who);
              case 'remove':
                return decideRemove(group, who);
              case 'promote':
                return decidePromote(group, who);
              case 'demote':
                return decideDemote(group, who);
              default:
                return decideDelete(group, { ...who, creatorStatus: creatorIsHealthy ? 'active' : 'suspended' });
            }
          })();
          group = commit(group, decision, now);
          expect(group.members.length === 0 || hasAdmin(group.members)).toBe(true);
          expect(group.memberCount).toBe(group.members.length);
          expect(new Set(group.members.map(({ agentId }) => agentId)).size).toBe(group.members.length);
          expect(group.nextSeq).toBeGreaterThanOrEqual(before.nextSeq);
          if (before.deleted !== null) expect(group).toBe(before);
          const creator = findMember(before, 'agt_0');
          if (kind === 'remove' || kind === 'demote') {
            expect(findMember(group, 'agt_0')?.role).toBe(creator?.role);
          }
          for (const member of group.members) {
            expect(member.joinedSeq).toBeLessThan(Math.max(group.nextSeq, 2));
          }
        });
      }),
    );
  });

  test('a system message goes to everybody who is in the group after the change but its sender', () => {
    const group = founded();
    const joined = decideJoin(group, { joiner: actor(1), by: actor(0), now: at(1) });
    expect(joined).toMatchObject({ effects: { notes: [{ sender: actor(0), recipients: [{ agentId: 'agt_1' }] }] } });
    const two = commit(group, joined, at(1));
    const left = decideLeave(two, { caller: actor(0), now: at(2) });
    expect(left).toMatchObject({
      value: { promotedHandle: 'agent-1' },
      effects: {
        notes: [
          { event: { event: 'member_left' }, recipients: [{ agentId: 'agt_1' }] },
          { event: { event: 'admin_promoted', actor_handle: null }, sender: actor(1), recipients: [] },
        ],
      },
    });
  });
});

describe('a send into a group', () => {
  const sender: SenderGuard = {
    _id: 'sender:agt_0',
    v: 1,
    status: 'active',
    pausedByOwner: 'none',
    keyVersion: 1,
    displayName: null,
    window: { second: 0, count: 0 },
    coldOpeners: [],
  };
  const command = { senderId: 'agt_0', senderIsSystem: false, senderKeyVersion: 1, now: at(500), limitRate: true };

  test('the 21st send of a second is refused with the wait until the next second', () => {
    const second = Math.floor(at(500).getTime() / 1000);
    const full = { ...founded(), window: { second, count: 20 } };
    expect(decideGroupSend({ sender, group: full, wasMember: false }, command)).toMatchObject({
      kind: 'refused',
      code: 'RATE_LIMITED',
      details: { scope: 'group', limit: 20, retry_after_ms: 500 },
      sender: { window: { second, count: 1 } },
    });
    const other = { ...full, window: { second: second - 1, count: 20 } };
    expect(decideGroupSend({ sender, group: other, wasMember: false }, command)).toMatchObject({
      kind: 'accepted',
      group: { window: { second, count: 1 } },
    });
  });

  test('a refused attachment keeps both slots; membership comes before the pause', () => {
    const paused = { ...sender, pausedByOwner: 'send' as const };
    const stranger = { ...command, senderId: 'agt_9' };
    expect(decideGroupSend({ sender: paused, group: founded(), wasMember: false }, stranger)).toMatchObject({
      code: 'GROUP_NOT_FOUND',
      sender: null,
    });
    expect(decideGroupSend({ sender: paused, group: founded(), wasMember: false }, command)).toMatchObject({
      code: 'AGENT_PAUSED_BY_OWNER',
    });
    const refused = decideGroupSend({ sender, group: founded(), wasMember: false }, command, 'ATTACHMENT_NOT_FOUND');
    expect(refused).toMatchObject({ code: 'ATTACHMENT_NOT_FOUND', group: { window: { count: 1 } } });
  });
});

test('groups#G16: five waits of about 5 s, 30 s, 2, 10 and 30 minutes, spread by a fifth, then no more', () => {
  const waits = [5_000, 30_000, 120_000, 600_000, 1_800_000];
  expect(waits.map((_, index) => noticeWaitMs(index + 1, 0.5))).toEqual(waits);
  expect(waits.map((_, index) => noticeWaitMs(index + 1, 0))).toEqual(waits.map((wait) => wait * 0.8));
  expect(noticeWaitMs(NOTICE_ATTEMPTS_MAX, 0.5)).toBeNull();
});
