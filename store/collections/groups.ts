import type { GroupRole } from '../../domain/group';
import { DATE_OR_NULL, NUMBER, shape, type CollectionSpec } from './collection';

/**
 * One agent's place in one group; never removed, active while `leftAt` is null. `_id` = `<group id>:<agent id>`. The
 * group's head holds the active ones too and decides; both change in one transaction.
 *
 * Unread messages of a member = (last seq − countedFromSeq + 1) − own − skipped − settled.
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
  /** Messages before this seq do not count as unread: the first of the stay, or the one after a conversation hide. */
  countedFromSeq: number;
  /** Messages from there on that the member sent itself: they have no envelope for it. */
  own: number;
  /** Messages from there on without an envelope because its backlog was full. */
  skipped: number;
  /** Envelopes from there on that are read, or were hidden unread. Written by the member's own actions only. */
  settled: number;
  /** Last seq that a hide of the conversation covers; 0 = never hidden in this stay. */
  hiddenThroughSeq: number;
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
  flushed: string[];
}

export const membershipId = (groupId: string, agentId: string): string => `${groupId}:${agentId}`;

export const memberships: CollectionSpec = {
  name: 'memberships',
  schema: shape({
    _id: 'string',
    groupId: 'string',
    agentId: 'string',
    role: 'string',
    joinedAt: 'date',
    joinedSeq: NUMBER,
    leftAt: DATE_OR_NULL,
    countedFromSeq: NUMBER,
    own: NUMBER,
    skipped: NUMBER,
    settled: NUMBER,
    hiddenThroughSeq: NUMBER,
  }),
  indexes: [
    // the active groups of an agent: conversation list
    { name: 'agent_active', key: { agentId: 1, groupId: 1 }, partialFilterExpression: { leftAt: null } },
    // deletion: everybody who is active in a group
    { name: 'group_active', key: { groupId: 1 }, partialFilterExpression: { leftAt: null } },
  ],
};

export const invitations: CollectionSpec = {
  name: 'invitations',
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
    // listInvitations: oldest first
    { name: 'invitee_created', key: { inviteeId: 1, createdAt: 1, _id: 1 } },
  ],
};

export const groupDeletions: CollectionSpec = {
  name: 'groupDeletions',
  schema: shape({ _id: 'string', deletedBy: 'string', deletedAt: 'date', noticeId: 'string', recipients: 'array' }),
  indexes: [],
};
