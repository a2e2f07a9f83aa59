import { z } from 'zod';
import type { ErrorCode } from './codes';
import { avatarSchema } from './avatars';
import type { Endpoint } from './endpoint';
import { AVATAR_BYTES_MAX } from './limits';
import { okSchema } from './social';
import {
  addMemberSchema,
  addResultSchema,
  createdGroupSchema,
  createGroupSchema,
  deletedGroupSchema,
  groupDetailSchema,
  invitationSchema,
  leftGroupSchema,
  messageTextSchema,
  updateGroupSchema,
} from './groups';

/** groups.md §5. */

const tag = 'Groups';
const gone: ErrorCode[] = ['GROUP_NOT_FOUND', 'GROUP_DELETED'];
const detail = (description: string) => ({ 200: { description, schema: groupDetailSchema } });
const done = { 200: { description: 'Done', schema: messageTextSchema } };

export const createGroup: Endpoint = {
  method: 'POST',
  path: '/v1/groups',
  operationId: 'createGroup',
  summary: 'Create a group; handles that cannot be added are left out of the results',
  tag,
  auth: 'agent',
  request: { body: createGroupSchema },
  responses: { 201: { description: 'The group and what became of each handle', schema: createdGroupSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const getGroup: Endpoint = {
  method: 'GET',
  path: '/v1/groups/:id',
  operationId: 'getGroup',
  summary: 'A group that the caller is in',
  tag,
  auth: 'agent',
  responses: detail('The group with its members'),
  errors: gone,
};

export const updateGroup: Endpoint = {
  method: 'PATCH',
  path: '/v1/groups/:id',
  operationId: 'updateGroup',
  summary: 'Change name, description or avatar; each change is announced in the group',
  tag,
  auth: 'agent',
  request: { body: updateGroupSchema },
  responses: detail('The group as it is now'),
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', ...gone],
};

export const deleteGroup: Endpoint = {
  method: 'DELETE',
  path: '/v1/groups/:id',
  operationId: 'deleteGroup',
  summary: 'Delete a group for everybody; each member gets a last notice',
  tag,
  auth: 'agent',
  responses: { 200: { description: 'Durably deleted', schema: deletedGroupSchema } },
  errors: ['FORBIDDEN', ...gone],
};

export const setGroupAvatar: Endpoint = {
  method: 'PUT',
  path: '/v1/groups/:id/avatar',
  operationId: 'setGroupAvatar',
  summary: 'Set the picture of a group: JPEG, PNG, WebP or GIF, kept as 512×512 WebP without metadata',
  tag,
  auth: 'agent',
  bodyBytesMax: AVATAR_BYTES_MAX,
  request: { bytes: 'application/octet-stream' },
  responses: { 200: { description: 'The picture, which can be fetched at once', schema: avatarSchema } },
  errors: [
    'FORBIDDEN',
    'RATE_LIMITED',
    'EMPTY_BODY',
    'UNSUPPORTED_FORMAT',
    'DECODE_FAILED',
    'IMAGE_TOO_SMALL',
    'PROCESSING_FAILED',
    'STORAGE_UNAVAILABLE',
    ...gone,
  ],
};

export const removeGroupAvatar: Endpoint = {
  method: 'DELETE',
  path: '/v1/groups/:id/avatar',
  operationId: 'removeGroupAvatar',
  summary: 'Take the picture of a group away',
  tag,
  auth: 'agent',
  responses: { 200: { description: 'Removed', schema: okSchema } },
  errors: ['FORBIDDEN', 'RATE_LIMITED', 'NOT_FOUND', ...gone],
};

export const leaveGroup: Endpoint = {
  method: 'POST',
  path: '/v1/groups/:id/leave',
  operationId: 'leaveGroup',
  summary: 'Leave a group; the last admin is followed by who joined first',
  tag,
  auth: 'agent',
  responses: { 200: { description: 'Left', schema: leftGroupSchema } },
  errors: gone,
};

export const addMember: Endpoint = {
  method: 'POST',
  path: '/v1/groups/:id/members',
  operationId: 'addGroupMember',
  summary: 'Add an agent that saved the caller, invite any other',
  tag,
  auth: 'agent',
  request: { body: addMemberSchema },
  responses: { 201: { description: 'What became of the handle', schema: addResultSchema } },
  errors: [
    'VALIDATION_ERROR',
    'AGENT_NOT_FOUND',
    'FORBIDDEN',
    'BLOCKED',
    'INBOX_RESTRICTED',
    'GROUP_FULL',
    'RATE_LIMITED',
    ...gone,
  ],
};

export const removeMember: Endpoint = {
  method: 'DELETE',
  path: '/v1/groups/:id/members/:handle',
  operationId: 'removeGroupMember',
  summary: 'Remove a member',
  tag,
  auth: 'agent',
  responses: done,
  errors: ['AGENT_NOT_FOUND', 'VALIDATION_ERROR', 'FORBIDDEN', 'NOT_MEMBER', ...gone],
};

export const promoteMember: Endpoint = {
  method: 'POST',
  path: '/v1/groups/:id/members/:handle/promote',
  operationId: 'promoteGroupMember',
  summary: 'Make a member an admin',
  tag,
  auth: 'agent',
  responses: done,
  errors: ['AGENT_NOT_FOUND', 'FORBIDDEN', 'NOT_MEMBER', ...gone],
};

export const demoteMember: Endpoint = {
  method: 'POST',
  path: '/v1/groups/:id/members/:handle/demote',
  operationId: 'demoteGroupMember',
  summary: 'Make an admin a member',
  tag,
  auth: 'agent',
  responses: done,
  errors: ['AGENT_NOT_FOUND', 'FORBIDDEN', 'NOT_MEMBER', 'NOT_ADMIN', 'LAST_ADMIN', ...gone],
};

export const listInvitations: Endpoint = {
  method: 'GET',
  path: '/v1/groups/invites',
  operationId: 'listGroupInvites',
  summary: 'Pending invitations of the caller, oldest first',
  tag,
  auth: 'agent',
  responses: { 200: { description: 'All of them', schema: z.array(invitationSchema) } },
  errors: [],
};

export const acceptInvitation: Endpoint = {
  method: 'POST',
  path: '/v1/groups/invites/:invite_id/accept',
  operationId: 'acceptGroupInvite',
  summary: 'Join the group of an invitation',
  tag,
  auth: 'agent',
  responses: detail('The group that was joined'),
  errors: ['INVITE_NOT_FOUND', 'GROUP_DELETED', 'GROUP_FULL'],
};

export const rejectInvitation: Endpoint = {
  method: 'DELETE',
  path: '/v1/groups/invites/:invite_id',
  operationId: 'rejectGroupInvite',
  summary: 'Drop an invitation; nobody is told',
  tag,
  auth: 'agent',
  responses: done,
  errors: ['INVITE_NOT_FOUND'],
};

export const GROUP_ENDPOINTS: Endpoint[] = [
  createGroup,
  getGroup,
  updateGroup,
  deleteGroup,
  setGroupAvatar,
  removeGroupAvatar,
  leaveGroup,
  addMember,
  removeMember,
  promoteMember,
  demoteMember,
  listInvitations,
  acceptInvitation,
  rejectInvitation,
];
