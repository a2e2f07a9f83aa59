import type { ClientSession } from 'mongodb';
import { AppError, type ErrorDetails } from '../../contract/errors';
import { ID_PREFIX } from '../../contract/ids';
import { deletedInfo, groupGuardId, type GroupGuard, type GroupRole } from '../../domain/group';
import type { PairGuard } from '../../domain/guards';
import { membershipId, type Membership } from '../schema/collections/groups';
import { ofConversation } from '../schema/collections/guards';
import { newReadState, readStateId, type ReadState } from '../schema/collections/read-states';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** What every active participant has: which messages it may see, and how many it received. */
export interface ActivePlace {
  state: 'active';
  conversationId: string;
  /** The first seq that the agent may see: its arrival in a group, 1 in a direct conversation. */
  joinedSeq: number;
  /** The seq of the newest message; 0 when there is none. */
  lastSeq: number;
  /** Messages of this stay with an envelope of the agent: `lastSeq − joinedSeq + 1` minus those that it missed. */
  received: number;
  /** What the agent has read and hidden here. */
  reader: ReadState;
}

/** One of the two of a direct conversation: for ever. */
export interface DirectParticipation extends ActivePlace {
  type: 'direct';
  counterpartyId: string;
  /** Either of the two blocks the other. */
  isBlocked: boolean;
}

/** An active member of a group. */
export interface GroupParticipation extends ActivePlace {
  type: 'group';
  role: GroupRole;
  group: ListedGroup;
}

/** An agent that is or was in a conversation. */
export type Participation =
  | DirectParticipation
  | GroupParticipation
  /** It left the group or was removed, and the group lives. */
  | { state: 'left'; type: 'group'; conversationId: string }
  /** The group was deleted, whether the agent was still in it or had left before. */
  | { state: 'deleted'; type: 'group'; conversationId: string; info: ErrorDetails };

/** A group without the list of its members and what its changes leave; of `missed` only the agent's own count. */
export type ListedGroup = Omit<GroupGuard, 'members' | 'changeIds'>;

const LISTED_FIELDS: Record<Exclude<keyof ListedGroup, 'missed'>, 1> = {
  _id: 1,
  v: 1,
  groupId: 1,
  name: 1,
  description: 1,
  avatarUrl: 1,
  avatarKey: 1,
  createdBy: 1,
  createdAt: 1,
  updatedAt: 1,
  nextSeq: 1,
  lastMessageAt: 1,
  memberCount: 1,
  window: 1,
  deleted: 1,
};

/** Projection of a group's guard that keeps what costs by its size, its members, in the database. */
export const listedFields = (agentId: string) => ({ ...LISTED_FIELDS, [`missed.${agentId}`]: 1 });

export interface ReadOptions {
  session?: ClientSession;
}

/** Outside of a session: what leaves the process was majority-committed. */
export function safely({ session }: ReadOptions) {
  return session === undefined ? SAFE_READ : { session, ...READ };
}

/**
 * What `agentId` is to the conversation; null when it never was in it, the same as when there is no such conversation.
 * `received` and `reader.settled` are of one moment only within a session, which counts of unread messages need.
 */
export async function findParticipation(
  database: Database,
  agentId: string,
  conversationId: string,
  options: ReadOptions = {},
): Promise<Participation | null> {
  const isGroup = conversationId.startsWith(ID_PREFIX.group);
  if (!isGroup && !conversationId.startsWith(ID_PREFIX.directConversation)) return null;
  const finding = findReadState(database, agentId, conversationId, options);
  // Operations of one session follow one another.
  if (options.session !== undefined) await finding;
  if (isGroup) return findGroupPlace(database, agentId, conversationId, { ...options, finding });
  const pair = await database.guards.findOne<PairGuard>(ofConversation(conversationId), safely(options));
  const reader = await finding;
  return pair === null ? null : directParticipation(pair, agentId, reader);
}

async function findGroupPlace(
  database: Database,
  agentId: string,
  groupId: string,
  { finding, ...options }: ReadOptions & { finding: Promise<ReadState> },
): Promise<Participation | null> {
  const membership = await database.memberships.findOne({ _id: membershipId(groupId, agentId) }, safely(options));
  const group = await database.guards.findOne<ListedGroup>(
    { _id: groupGuardId(groupId) },
    { ...safely(options), projection: listedFields(agentId) },
  );
  const reader = await finding;
  return membership === null || group === null ? null : groupParticipation(group, membership, reader);
}

/**
 * @returns the agent's place in a conversation that it is in now
 * @throws AppError CONVERSATION_NOT_FOUND, or GROUP_DELETED for whoever was in a deleted group
 */
export async function requireParticipation(
  database: Database,
  agentId: string,
  conversationId: string,
  options: ReadOptions = {},
): Promise<Extract<Participation, { state: 'active' }>> {
  const participation = await findParticipation(database, agentId, conversationId, options);
  if (participation?.state === 'active') return participation;
  if (participation?.state === 'deleted') throw new AppError('GROUP_DELETED', { ...participation.info });
  throw new AppError('CONVERSATION_NOT_FOUND');
}

/** `agentId` in the conversation of `pair`; null when it is not one of the two. */
export function directParticipation(pair: PairGuard, agentId: string, reader: ReadState): DirectParticipation | null {
  const members = pair._id.split(':').slice(1);
  if (!members.includes(agentId) || pair.conversationId === null) return null;
  const lastSeq = pair.nextSeq - 1;
  return {
    state: 'active',
    type: 'direct',
    conversationId: pair.conversationId,
    counterpartyId: members.find((id) => id !== agentId) ?? agentId,
    isBlocked: pair.blockedBy.length > 0,
    joinedSeq: 1,
    lastSeq,
    received: lastSeq - (pair.sent[agentId] ?? 0),
    reader,
  };
}

/** What the agent of `membership` is to the group now. */
export function groupParticipation(group: ListedGroup, membership: Membership, reader: ReadState): Participation {
  const { groupId: conversationId, deleted } = group;
  const { agentId, joinedSeq, role } = membership;
  if (deleted !== null)
    return { state: 'deleted', type: 'group', conversationId, info: deletedInfo(conversationId, deleted) };
  if (membership.leftAt !== null) return { state: 'left', type: 'group', conversationId };
  const lastSeq = group.nextSeq - 1;
  const received = lastSeq - joinedSeq + 1 - (group.missed[agentId] ?? 0);
  return { state: 'active', type: 'group', conversationId, role, group, joinedSeq, lastSeq, received, reader };
}

/** What the agent has read and hidden in the conversation. */
export async function findReadState(
  database: Database,
  agentId: string,
  conversationId: string,
  options: ReadOptions = {},
): Promise<ReadState> {
  const row = await database.readStates.findOne({ _id: readStateId(agentId, conversationId) }, safely(options));
  return row ?? newReadState(agentId, conversationId);
}
