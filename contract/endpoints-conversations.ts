import { z } from 'zod';
import { historyQuerySchema } from './conversations';
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

export const CONVERSATION_ENDPOINTS: Endpoint[] = [readMessages];
