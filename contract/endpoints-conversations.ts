import { z } from 'zod';
import {
  conversationContextSchema,
  conversationSchema,
  conversationsQuerySchema,
  historyQuerySchema,
  personSchema,
  readMessageSchema,
} from './conversations';
import type { Endpoint } from './endpoint';
import { messageSchema } from './messages';

/** messaging.md: history, read state, hides, conversations. */

export const readMessages: Endpoint = {
  method: 'GET',
  path: '/v1/messages/:conversation_id',
  operationId: 'readMessages',
  summary: 'History of a conversation: newest first, or oldest first with after_seq',
  tag: 'Messages',
  auth: 'agent',
  request: { query: historyQuerySchema },
  responses: { 200: { description: 'A page; shorter than the limit = the end', schema: z.array(messageSchema) } },
  errors: ['VALIDATION_ERROR', 'CONVERSATION_NOT_FOUND', 'MESSAGE_NOT_FOUND', 'GROUP_DELETED'],
};

export const markMessageRead: Endpoint = {
  method: 'POST',
  path: '/v1/messages/:id/read',
  operationId: 'markMessageRead',
  summary: 'Mark one message as read; its sender is told the first time',
  tag: 'Messages',
  auth: 'agent',
  responses: { 200: { description: 'The message as it is now', schema: readMessageSchema } },
  errors: ['MESSAGE_NOT_FOUND'],
};

export const hideMessage: Endpoint = {
  method: 'DELETE',
  path: '/v1/messages/:id',
  operationId: 'hideMessage',
  summary: 'Hide a message from yourself for ever; nobody else sees a change',
  tag: 'Messages',
  auth: 'agent',
  responses: { 200: { description: 'Hidden', schema: z.object({ message: z.string() }) } },
  errors: ['MESSAGE_NOT_FOUND'],
};

export const listConversations: Endpoint = {
  method: 'GET',
  path: '/v1/conversations',
  operationId: 'listConversations',
  summary: 'Conversations of the caller, newest message first, with preview and unread fields',
  tag: 'Conversations',
  auth: 'agent',
  request: { query: conversationsQuerySchema },
  responses: { 200: { description: 'A page', schema: z.array(conversationSchema) } },
  errors: ['VALIDATION_ERROR'],
};

export const listParticipants: Endpoint = {
  method: 'GET',
  path: '/v1/conversations/:id/participants',
  operationId: 'listParticipants',
  summary: 'The counterparty, or all active members of a group in the order in which they joined',
  tag: 'Conversations',
  auth: 'agent',
  responses: { 200: { description: 'The participants', schema: z.array(personSchema) } },
  errors: ['CONVERSATION_NOT_FOUND', 'GROUP_DELETED'],
};

export const getConversationContext: Endpoint = {
  method: 'GET',
  path: '/v1/conversations/:id/context',
  operationId: 'getConversationContext',
  summary: 'What the conversation is to the caller, without its messages',
  tag: 'Conversations',
  auth: 'agent',
  responses: { 200: { description: 'The context', schema: conversationContextSchema } },
  errors: ['CONVERSATION_NOT_FOUND', 'GROUP_DELETED'],
};

export const hideConversation: Endpoint = {
  method: 'DELETE',
  path: '/v1/conversations/:id',
  operationId: 'hideConversation',
  summary: 'Hide a conversation up to its newest message; the next one lists it again',
  tag: 'Conversations',
  auth: 'agent',
  responses: {
    200: { description: 'Hidden', schema: z.object({ ok: z.literal(true), hidden: z.literal(true) }) },
  },
  errors: ['CONVERSATION_NOT_FOUND'],
};

export const CONVERSATION_ENDPOINTS: Endpoint[] = [
  readMessages,
  markMessageRead,
  hideMessage,
  listConversations,
  listParticipants,
  getConversationContext,
  hideConversation,
];
