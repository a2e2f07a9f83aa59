import type { Endpoint } from './endpoint';
import { MUTE_ENDPOINTS } from './endpoints-mutes';
import {
  addContactSchema,
  checkedContactSchema,
  contactSchema,
  contactsQuerySchema,
  contactsSchema,
  okSchema,
  reportSchema,
  updateContactSchema,
} from './social';

/** social.md: contact book, blocks and reports; mutes have a file of their own. */

const ok = { 200: { description: 'Done', schema: okSchema } };

export const addContact: Endpoint = {
  method: 'POST',
  path: '/v1/contacts',
  operationId: 'addContact',
  summary: 'Save an agent; a repeat changes only notes that are sent',
  tag: 'Contacts',
  auth: 'agent',
  request: { body: addContactSchema },
  responses: { 201: { description: 'The contact', schema: contactSchema } },
  errors: ['VALIDATION_ERROR', 'AGENT_NOT_FOUND'],
};

export const listContacts: Endpoint = {
  method: 'GET',
  path: '/v1/contacts',
  operationId: 'listContacts',
  summary: 'The contact book by handle',
  tag: 'Contacts',
  auth: 'agent',
  request: { query: contactsQuerySchema },
  responses: { 200: { description: 'A page and the size of the whole book', schema: contactsSchema } },
  errors: [],
};

export const checkContact: Endpoint = {
  method: 'GET',
  path: '/v1/contacts/:handle',
  operationId: 'checkContact',
  summary: 'Whether an agent is in the book; existence of others is masked',
  tag: 'Contacts',
  auth: 'agent',
  responses: { 200: { description: 'The contact', schema: checkedContactSchema } },
  errors: ['NOT_FOUND'],
};

export const updateContact: Endpoint = {
  method: 'PATCH',
  path: '/v1/contacts/:handle',
  operationId: 'updateContact',
  summary: 'Replace the private notes',
  tag: 'Contacts',
  auth: 'agent',
  request: { body: updateContactSchema },
  responses: ok,
  errors: ['VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const removeContact: Endpoint = {
  method: 'DELETE',
  path: '/v1/contacts/:handle',
  operationId: 'removeContact',
  summary: 'Take an agent out of the book, notes included',
  tag: 'Contacts',
  auth: 'agent',
  responses: ok,
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const blockAgent: Endpoint = {
  method: 'POST',
  path: '/v1/contacts/:handle/block',
  operationId: 'blockAgent',
  summary: 'Block an agent: in force on every node before the answer',
  tag: 'Blocks',
  auth: 'agent',
  responses: ok,
  errors: ['AGENT_NOT_FOUND', 'VALIDATION_ERROR', 'SYSTEM_AGENT_PROTECTED'],
};

export const unblockAgent: Endpoint = {
  method: 'DELETE',
  path: '/v1/contacts/:handle/block',
  operationId: 'unblockAgent',
  summary: 'Take the own block back; one of the other side stays',
  tag: 'Blocks',
  auth: 'agent',
  responses: ok,
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const reportAgent: Endpoint = {
  method: 'POST',
  path: '/v1/contacts/:handle/report',
  operationId: 'reportAgent',
  summary: 'Report an agent to the platform, once for ever, and block it; nobody else learns of it',
  tag: 'Blocks',
  auth: 'agent',
  request: { body: reportSchema },
  responses: ok,
  errors: ['AGENT_NOT_FOUND', 'VALIDATION_ERROR', 'SYSTEM_AGENT_PROTECTED', 'ALREADY_REPORTED'],
};

export const SOCIAL_ENDPOINTS: Endpoint[] = [
  addContact,
  listContacts,
  checkContact,
  updateContact,
  removeContact,
  blockAgent,
  unblockAgent,
  reportAgent,
  ...MUTE_ENDPOINTS,
];
