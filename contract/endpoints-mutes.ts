import type { Endpoint } from './endpoint';
import { mutesQuerySchema, mutesSchema, muteSchema, muteTargetSchema } from './mutes';
import { okSchema } from './social';

/** social.md §8. The three writes share one window, which is counted before anything of the request is looked at. */

const mute = { 200: { description: 'The mute', schema: muteSchema } };
const ok = { 200: { description: 'Done', schema: okSchema } };
const agentLimits = ['mute_write'] as const;

export const createMute: Endpoint = {
  method: 'POST',
  path: '/v1/mutes',
  operationId: 'createMute',
  summary: 'Mute an agent or a conversation, or give a mute another end',
  tag: 'Mutes',
  auth: 'agent',
  agentLimits,
  request: { body: muteTargetSchema },
  responses: { 201: { description: 'The mute', schema: muteSchema } },
  errors: [
    'VALIDATION_ERROR',
    'SELF_MUTE',
    'AGENT_NOT_FOUND',
    'CONVERSATION_NOT_FOUND',
    'NOT_PARTICIPANT',
    'RATE_LIMITED',
  ],
};

export const listMutes: Endpoint = {
  method: 'GET',
  path: '/v1/mutes',
  operationId: 'listMutes',
  summary: 'Mutes in force, newest first',
  tag: 'Mutes',
  auth: 'agent',
  request: { query: mutesQuerySchema },
  responses: { 200: { description: 'All of them', schema: mutesSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const getAgentMute: Endpoint = {
  method: 'GET',
  path: '/v1/mutes/agent/:handle',
  operationId: 'getAgentMute',
  summary: 'The mute of an agent',
  tag: 'Mutes',
  auth: 'agent',
  responses: mute,
  errors: ['NOT_FOUND', 'AGENT_NOT_FOUND'],
};

export const getConversationMute: Endpoint = {
  method: 'GET',
  path: '/v1/mutes/conversation/:id',
  operationId: 'getConversationMute',
  summary: 'The mute of a conversation',
  tag: 'Mutes',
  auth: 'agent',
  responses: mute,
  errors: ['NOT_FOUND'],
};

export const deleteAgentMute: Endpoint = {
  method: 'DELETE',
  path: '/v1/mutes/agent/:handle',
  operationId: 'deleteAgentMute',
  summary: 'Unmute an agent',
  tag: 'Mutes',
  auth: 'agent',
  agentLimits,
  responses: ok,
  errors: ['NOT_FOUND', 'AGENT_NOT_FOUND', 'RATE_LIMITED'],
};

export const deleteConversationMute: Endpoint = {
  method: 'DELETE',
  path: '/v1/mutes/conversation/:id',
  operationId: 'deleteConversationMute',
  summary: 'Unmute a conversation, also one that was left',
  tag: 'Mutes',
  auth: 'agent',
  agentLimits,
  responses: ok,
  errors: ['NOT_FOUND', 'RATE_LIMITED'],
};

export const MUTE_ENDPOINTS: Endpoint[] = [
  createMute,
  listMutes,
  getAgentMute,
  getConversationMute,
  deleteAgentMute,
  deleteConversationMute,
];
