import type { GroupRole } from '../../../domain/group';
import { DATE_OR_NULL, NUMBER, shape, collection } from './collection';

/**
 * One agent's place in one group; never removed, active while `leftAt` is null. `_id` = `<group id>:<agent id>`. The
 * group's guard holds the active ones too and decides; both change in one transaction.
 */
export interface Membership {
  _id: string;
  groupId: string;
  agentId: string;
  role: GroupRole;
  joinedAt: Date;
  /** The first seq of this stay. */
  joinedSeq: number;
  leftAt: Date | null;
}

/** A pending invitation, gone when it is answered. Unique per group and invitee; never expires. */
export interface Invitation {
  _id: string;
  groupId: string;
  inviteeId: string;
  inviterId: string;
  inviterHandle: string;
  createdAt: Date;
}

/** What the notice of a deletion is about and whom it concerns, fixed at the cut-over. `_id` = group id. */
export interface GroupDeletion {
  _id: string;
  deletedBy: string;
  deletedByHandle: string;
  deletedAt: Date;
  noticeId: string;
  /** Everybody who was active then but the deleter, with the delivery position of their notice. */
  recipients: { agentId: string; position: number }[];
  /** Everybody whose older envelopes of the group count as delivered since then: recipients and the deleter. */
  writtenOff: string[];
  /** How telling them ended; absent until then. `dead`: agents whom no live notice reached. */
  outcome?: { done: number; paused: number; dead: string[]; finishedAt: Date };
}

export const membershipId = (groupId: string, agentId: string): string => `${groupId}:${agentId}`;

export const memberships = collection<Membership>({
  schema: shape({
    _id: 'string',
    groupId: 'string',
    agentId: 'string',
    role: 'string',
    joinedAt: 'date',
    joinedSeq: NUMBER,
    leftAt: DATE_OR_NULL,
  }),
  indexes: [
    // the active groups of an agent: conversation list
    { name: 'agent_active', key: { agentId: 1, groupId: 1 }, partialFilterExpression: { leftAt: null } },
    // deletion: everybody who is active in a group
    { name: 'group_active', key: { groupId: 1 }, partialFilterExpression: { leftAt: null } },
  ],
});

export const invitations = collection<Invitation>({
  schema: shape({
    _id: 'string',
    groupId: 'string',
    inviteeId: 'string',
    inviterId: 'string',
    inviterHandle: 'string',
    createdAt: 'date',
  }),
  indexes: [
    // one pending invitation per group and agent; removal of a deleted group's invitations
    { name: 'group_invitee', key: { groupId: 1, inviteeId: 1 }, unique: true },
    // cancelInvitations: those that a deleted account made
    { name: 'inviter', key: { inviterId: 1 } },
    // listInvitations: oldest first
    { name: 'invitee_created', key: { inviteeId: 1, createdAt: 1, _id: 1 } },
  ],
});

export const groupDeletions = collection<GroupDeletion>({
  schema: shape({ _id: 'string', deletedBy: 'string', deletedAt: 'date', noticeId: 'string', recipients: 'array' }),
  indexes: [],
});
