import type { Endpoint } from './endpoint';
import { presenceBatchSchema, presenceSchema, presenceSetSchema, presencesSchema, setPresenceSchema } from './presence';

export const getPresence: Endpoint = {
  method: 'GET',
  path: '/v1/presence/:handle',
  operationId: 'getPresence',
  summary: 'Presence of a contact or of the caller',
  tag: 'Presence',
  auth: 'agent',
  responses: { 200: { description: 'The presence', schema: presenceSchema } },
  errors: ['NOT_FOUND'],
};

export const setPresence: Endpoint = {
  method: 'PUT',
  path: '/v1/presence',
  operationId: 'setPresence',
  summary: 'Set the own presence; replaces status and message',
  tag: 'Presence',
  auth: 'agent',
  request: { body: setPresenceSchema },
  responses: { 200: { description: 'The presence as it is now', schema: presenceSetSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const getPresences: Endpoint = {
  method: 'POST',
  path: '/v1/presence/batch',
  operationId: 'getPresences',
  summary: 'Presence of up to 100 handles; strangers read as offline',
  tag: 'Presence',
  auth: 'agent',
  request: { body: presenceBatchSchema },
  responses: { 200: { description: 'In the order of the request, and by handle', schema: presencesSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const PRESENCE_ENDPOINTS: Endpoint[] = [getPresence, setPresence, getPresences];
