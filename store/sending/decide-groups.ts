import { AppError } from '../../contract/errors';
import { withChangeId, type GroupGuard } from '../../domain/group';
import type { GroupEffects, SystemNote } from '../../domain/group-decision';
import { decideGroupSend, withMessage } from '../../domain/group-send';
import { senderGuardId, takesIntents } from '../../domain/guards';
import { refuseSender } from '../../domain/send';
import { newId, newOutboxId } from '../../platform/ids';
import { clientKey } from '../schema/client-keys';
import { membershipId } from '../schema/collections/groups';
import type { Message } from '../schema/collections/messages';
import { intentFor } from '../outbox/intent';
import { refer, refuseAttachment } from './attachments';
import type { ChangeItem, GroupItem } from './items';
import { fanOut, isFull } from './fan-out';
import { cardOf, newMessage, type DecideOptions, type SendPlan, type Settled } from './plan';
import type { BatchState } from './send-state';
import { watchChanged } from './owner-notes';

/** One send into a group: null when the state from the cache cannot give the answer. */
export function decideGroupItem(
  item: GroupItem,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): Settled | null {
  const { sender, groupId } = item.command;
  const guard = state.guards.sender(sender.id);
  if (guard === null) throw new Error('the sender has no guard document');
  const decision = decideGroupSend(
    {
      sender: guard,
      group: state.guards.group(groupId),
      wasMember: state.pastMembers.has(membershipId(groupId, sender.id)),
    },
    {
      senderId: sender.id,
      senderIsSystem: sender.isSystem,
      senderKeyVersion: sender.keyVersion,
      now: options.now,
      limitRate: options.limitRate,
    },
    refuseAttachment(item, { kind: 'group', groupId }, state),
  );
  if (decision.kind === 'refused') {
    if (sender.isCached) return { kind: 'unproven' };
    if (state.isCached) return null;
    if (decision.sender !== null) state.guards.put(decision.sender);
    if (decision.group !== null) state.guards.put(decision.group);
    return new AppError(decision.code, decision.details, decision.retryAfterMs);
  }
  // A restricted caller is evaluated first, which is part of the look-up.
  if (sender.isCached && decision.sender.status !== 'active') return { kind: 'unproven' };
  const { group, seq, createdAt } = withMessage(decision.group, options.now);
  const recipients = group.members.filter(({ agentId }) => agentId !== sender.id);
  if (state.isCached && recipients.some(({ agentId }) => isFull(agentId, state))) return null;
  state.guards.put(decision.sender);
  const place = { conversationId: groupId, seq, createdAt, recipientId: null, commitId: options.commitId };
  const message = newMessage(item, place);
  refer(item, { kind: 'group', groupId }, createdAt, state);
  const card = cardOf(item, state);
  const { group: after, skipped } = fanOut({ message, card, group, recipients, isNotice: false }, state, plan);
  state.guards.put(after);
  item.skippedBy.set(options.commitId, skipped);
  // A second item of this batch with the same key is a replay of this one.
  state.replays.set(item.clientKeyText, message);
  state.answered.add(message._id);
  return { kind: 'accepted', message, sender: card, backlog: null, group, skipped };
}

/** One change of a group with its system messages; null when rows that it rests on have to be read again. */
export function decideChange(
  item: ChangeItem,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): Settled | null {
  const group = state.guards.group(item.groupId);
  // Our own write whose answer was lost: its caller has the value of the try that wrote it.
  if (group?.changeIds?.includes(item.changeId) === true) return { kind: 'decided', isEarlier: true };
  if (plan.changedGroups.has(item.groupId)) return null;
  const unproven = refuseUnproven(item, state);
  if (unproven !== null) return unproven;
  const decision = item.decide(group, state.guards, options.now);
  if (decision.kind === 'refused') {
    return new AppError(decision.code, decision.details, undefined, decision.message);
  }
  if (item.caller !== null) state.guards.touch(senderGuardId(item.caller._id));
  if (decision.kind === 'changed') {
    plan.changedGroups.add(item.groupId);
    watchMembers(group, decision.effects, state, plan);
    applyChange(item, decision.effects, state, options, plan);
    for (const id of item.extras().guards ?? []) state.guards.touch(id);
  }
  const isEmptied = decision.kind === 'changed' && decision.effects.group.members.length === 0;
  writeExtras(item, isEmptied, state, options, plan);
  return { kind: 'decided', isEarlier: false };
}

/** Authentication was some time ago: an old key or an ended account must change nothing, as with sends. */
function refuseUnproven({ caller }: ChangeItem, state: BatchState): AppError | null {
  if (caller === null) return null;
  const guard = state.guards.sender(caller._id);
  if (guard === null) throw new Error('the caller has no guard document');
  const refusal = refuseSender(guard, caller.keyVersion);
  return refusal === null ? null : new AppError(refusal.code, refusal.details);
}

function applyChange(
  item: ChangeItem,
  effects: GroupEffects,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): void {
  writeMembers(effects, options.now, plan);
  for (const agentId of effects.left ?? []) writeOff(agentId, effects, state, options.now);
  let group = withChangeId(effects.group, item.changeId);
  for (const note of effects.notes) {
    const { group: told, seq, createdAt } = withMessage(group, options.now);
    const message = newSystemMessage(note, { conversationId: item.groupId, seq, createdAt }, options.commitId);
    const isNotice = effects.isDeletion === true;
    const card = item.cardOf(note.sender.id);
    ({ group } = fanOut({ message, card, group: told, recipients: note.recipients, isNotice }, state, plan));
    if (isNotice) recordDeletion(group, message, effects, plan);
  }
  state.guards.put(group);
}

/** Members hear of a change by its system message; who comes or goes does not get it. */
function watchMembers(before: GroupGuard | null, effects: GroupEffects, state: BatchState, plan: SendPlan): void {
  const { groupId: conversationId } = effects.group;
  const goers = (effects.left ?? []).flatMap((id) => before?.members.find(({ agentId }) => agentId === id) ?? []);
  for (const { agentId, handle: agentHandle } of [
    ...(effects.joined === undefined ? [] : [effects.joined]),
    ...goers,
  ]) {
    watchChanged(plan, state.guards.inboxIn(agentId), { agentHandle, scopes: ['conversations'], conversationId });
  }
}

/** What the agent has not taken of this group yet counts as delivered from this commit on. */
function writeOff(agentId: string, effects: GroupEffects, state: BatchState, now: Date): void {
  const inbox = state.guards.inboxIn(agentId);
  if (inbox === null) return;
  const at = effects.group.deleted?.at ?? now;
  const { groupId: conversationId } = effects.group;
  const entry = { conversationId, beforePosition: inbox.nextPosition, at };
  state.guards.put({ ...inbox, writtenOff: [...(inbox.writtenOff ?? []), entry] });
}

function writeMembers(effects: GroupEffects, now: Date, plan: SendPlan): void {
  const { groupId } = effects.group;
  const { joined, left = [], roles = [] } = effects;
  if (joined !== undefined) {
    const { agentId, role, joinedAt, joinedSeq } = joined;
    const $set = { groupId, agentId, role, joinedAt, joinedSeq, leftAt: null };
    plan.memberships.push({
      updateOne: { filter: { _id: membershipId(groupId, agentId) }, update: { $set }, upsert: true },
    });
  }
  if (left.length > 0) {
    const filter = { _id: { $in: left.map((agentId) => membershipId(groupId, agentId)) } };
    plan.memberships.push({ updateMany: { filter, update: { $set: { leftAt: effects.group.deleted?.at ?? now } } } });
  }
  for (const { agentId, role } of roles) {
    plan.memberships.push({
      updateOne: { filter: { _id: membershipId(groupId, agentId) }, update: { $set: { role } } },
    });
  }
  if (effects.isDeletion !== true) {
    for (const targetId of left) {
      plan.outbox.push({ _id: newOutboxId(), kind: 'inbox.written-off', targetId, createdAt: now });
    }
  }
}

function writeExtras(
  item: ChangeItem,
  isEmptied: boolean,
  state: BatchState,
  { now }: DecideOptions,
  plan: SendPlan,
): void {
  const { newInvitation, deletesInvitationOf, avatar } = item.extras();
  if (avatar !== undefined) plan.avatars.push({ ...avatar, at: now });
  const { groupId } = item;
  if (newInvitation !== undefined) {
    const { _id: invitationId, inviteeId: targetId } = newInvitation;
    plan.invitations.push({ insertOne: { document: { ...newInvitation, groupId, createdAt: now } } });
    const inbox = state.guards.inboxIn(targetId);
    if (inbox !== null && takesIntents(inbox)) {
      plan.outbox.push({ ...intentFor(inbox, now), kind: 'group.invite.received', invitationId });
    }
  }
  if (deletesInvitationOf !== undefined) {
    plan.invitations.push({ deleteOne: { filter: { groupId, inviteeId: deletesInvitationOf } } });
  }
  // Deleted, or left by its last member: nobody can join it any more.
  if (isEmptied) plan.invitations.push({ deleteMany: { filter: { groupId } } });
}

/** Who has to be told, fixed now and for ever, and the intent to tell them. */
function recordDeletion(group: GroupGuard, notice: Message, effects: GroupEffects, plan: SendPlan): void {
  const { deleted, groupId } = group;
  if (deleted === null) return;
  const recipients = plan.committed
    .filter(({ row }) => row.message === notice)
    .map(({ recipientId, row }) => ({ agentId: recipientId, position: row.position }));
  plan.deletions.push({
    _id: groupId,
    deletedBy: deleted.byId,
    deletedByHandle: deleted.byHandle,
    deletedAt: deleted.at,
    noticeId: notice._id,
    recipients,
    writtenOff: effects.left ?? [],
  });
  plan.outbox.push({ _id: newOutboxId(), kind: 'group.deletion', groupId, createdAt: deleted.at });
}

/** groups.md §7. */
function newSystemMessage(
  note: SystemNote,
  place: Pick<Message, 'conversationId' | 'seq' | 'createdAt'>,
  commitId: string,
): Message {
  const _id = newId('message');
  const clientMsgId = `sys_${_id}`;
  return {
    _id,
    ...place,
    senderId: note.sender.id,
    recipientId: null,
    clientKey: clientKey(note.sender.id, clientMsgId),
    clientMsgId: JSON.stringify(clientMsgId),
    type: 'system',
    content: JSON.stringify({ data: { schema_version: 1, ...note.event } }),
    metadata: '{}',
    commitId,
  };
}
