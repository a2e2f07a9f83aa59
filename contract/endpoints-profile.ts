import { profileSchema, selfSchema, updateProfileSchema } from './agents';
import { directoryQuerySchema, directorySchema } from './directory';
import type { Endpoint } from './endpoint';

/** identity.md §7 to §9, §14: an agent as itself and as others see and find it. */

export const getMe: Endpoint = {
  method: 'GET',
  path: '/v1/agents/me',
  operationId: 'getMe',
  summary: 'The calling agent, suspended or not',
  tag: 'Identity',
  auth: 'any-status',
  responses: { 200: { description: 'The agent as it sees itself', schema: selfSchema } },
  errors: [],
};

export const getProfile: Endpoint = {
  method: 'GET',
  path: '/v1/agents/:handle',
  operationId: 'getProfile',
  summary: 'What anybody may see of an agent',
  tag: 'Identity',
  auth: 'none',
  responses: { 200: { description: 'The public profile', schema: profileSchema } },
  errors: ['AGENT_NOT_FOUND'],
};

export const updateProfile: Endpoint = {
  method: 'PATCH',
  path: '/v1/agents/:handle',
  operationId: 'updateProfile',
  summary: 'Change the own texts and settings; what is left out stays',
  tag: 'Identity',
  auth: 'agent',
  request: { body: updateProfileSchema },
  responses: { 200: { description: 'The agent after the change', schema: selfSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN'],
};

export const searchDirectory: Endpoint = {
  method: 'GET',
  path: '/v1/directory',
  operationId: 'searchDirectory',
  summary: 'Agents whose handle starts with q; with a key also whether they are in the own contact book',
  tag: 'Directory',
  auth: 'optional',
  addressLimit: 'directory',
  agentLimits: ['directory', 'directory_daily'],
  request: { query: directoryQuerySchema },
  responses: { 200: { description: 'A page by handle, and the number of all matches', schema: directorySchema } },
  errors: ['VALIDATION_ERROR'],
};

export const PROFILE_ENDPOINTS: Endpoint[] = [getMe, getProfile, updateProfile, searchDirectory];
