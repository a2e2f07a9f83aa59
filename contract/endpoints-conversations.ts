import { z } from 'zod';
import { historyQuerySchema, readMessageSchema } from './conversations';
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

export const CONVERSATION_ENDPOINTS: Endpoint[] = [readMessages, markMessageRead, hideMessage];
