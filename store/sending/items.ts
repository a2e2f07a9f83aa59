import { randomUUID } from 'node:crypto';
import type { GroupDecision } from '../../domain/group-decision';
import type { GroupGuard } from '../../domain/group';
import type { Caller } from '../schema/prove-caller';
import type { AgentCard } from '../agents/agents';
import type { StoredAvatar } from '../agents/avatars';
import { clientKey } from '../schema/client-keys';
import type { GuardSet } from './guard-set';
import type { GroupSendCommand, SendCommand, SendingAgent } from './send-types';

interface Item {
  /** Commits that tried to write it: what is found with one of these ids is this item's own. */
  commitIds: Set<string>;
  tries: number;
}

interface KeyedItem extends Item {
  clientKey: ReturnType<typeof clientKey>;
  clientKeyText: string;
}

/** One send with everything of it that does not change between tries. */
export interface DirectItem extends KeyedItem {
  kind: 'direct';
  command: SendCommand;
}

export interface GroupItem extends KeyedItem {
  kind: 'group';
  command: GroupSendCommand;
  /** Handles of the members that each commit of it left out. */
  skippedBy: Map<string, string[]>;
}

export type SendItem = DirectItem | GroupItem;

/** A change of one group that takes its turn among the sends, so that it and its system messages have their seqs. */
export interface ChangeItem extends Item {
  kind: 'change';
  groupId: string;
  /** Its `sender` guard is among the guards. Null: no call of an agent. */
  caller: Caller | null;
  /** Guard documents that the decision reads besides the group and the inboxes of its members. */
  guardIds: string[];
  /** Who may become a member by it; its `inbox-in` is among the guards. Null: nobody. */
  joinerId: string | null;
  /**
   * Reads the rows that the decision needs. After the group's guard, so that what they say of the group holds as long as
   * the guard's version does.
   */
  load: (group: GroupGuard | null) => Promise<void>;
  decide: (group: GroupGuard | null, guards: GuardSet, now: Date) => GroupDecision<unknown>;
  /** What the commit writes besides what follows from the effects. */
  extras: () => ChangeExtras;
  /** What messages show of one of `senderIds`. */
  cardOf: (agentId: string) => AgentCard;
  /** Agents that its system messages may be attributed to. */
  senderIds: () => string[];
  /** The same over all tries: a guard with it was written by this item. */
  changeId: string;
}

export interface AvatarMove {
  before: string | null;
  after: StoredAvatar | null;
  onUnused: (blobKey: string | null) => void;
}

/** Rows of the commit that the effects do not imply. */
export interface ChangeExtras {
  newInvitation?: { _id: string; inviteeId: string; inviterId: string; inviterHandle: string };
  /** The pending invitation that this change answers. */
  deletesInvitationOf?: string;
  /** The managed picture that the commit shows or takes away; `onUnused` gets the object that nothing shows any more. */
  avatar?: AvatarMove;
  /** Guards that the decision rests on and does not change: written, so that who changes them collides. */
  guards?: string[];
}

/** Slots of a sender's second that attempts have taken which were refused before their line (`group-admission.ts`). */
export interface SlotsItem extends Item {
  kind: 'slots';
  sender: SendingAgent;
  second: number;
  count: number;
}

export type LaneItem = SendItem | ChangeItem | SlotsItem;

export function newDirectItem(command: SendCommand): DirectItem {
  return { kind: 'direct', command, ...keyed(command) };
}

export function newGroupItem(command: GroupSendCommand): GroupItem {
  return { kind: 'group', command, ...keyed(command), skippedBy: new Map() };
}

export function newChangeItem(facts: Omit<ChangeItem, 'kind' | 'commitIds' | 'tries' | 'changeId'>): ChangeItem {
  return { kind: 'change', ...facts, commitIds: new Set(), tries: 0, changeId: randomUUID() };
}

export function newSlotsItem(sender: SendingAgent, second: number): SlotsItem {
  return { kind: 'slots', sender, second, count: 0, commitIds: new Set(), tries: 0 };
}

/** True of what its sender names by a `client_msg_id`. */
export const isSend = (item: LaneItem): item is SendItem => item.kind === 'direct' || item.kind === 'group';

function keyed({ sender, clientMsgId }: SendCommand | GroupSendCommand): KeyedItem {
  const key = clientKey(sender.id, clientMsgId);
  return { clientKey: key, clientKeyText: key.toString('base64'), commitIds: new Set(), tries: 0 };
}

/** The group that an item is about, if any. */
export function groupIdOf(item: LaneItem): string | null {
  switch (item.kind) {
    case 'direct':
    case 'slots':
      return null;
    case 'group':
      return item.command.groupId;
    case 'change':
      return item.groupId;
  }
}
