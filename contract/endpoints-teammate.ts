import type { Endpoint } from './endpoint';
import { gateway, twin } from './endpoints-gateway';
import {
  conversationDeletedSchema,
  conversationsQuerySchema,
  conversationViewSchema,
  conversationViewsSchema,
  createConversationSchema,
  gatewayInboxQuerySchema,
  gatewayInboxSchema,
  markedReadSchema,
  markReadSchema,
  renameConversationSchema,
  turnHistoryQuerySchema,
  turnHistorySchema,
} from './gateway';

/** gateway.md §5.3: under `/agents` as its original has it, and under `/api/agents`. */
const bothPaths = (endpoint: Endpoint): readonly [Endpoint, Endpoint] => [
  endpoint,
  twin(endpoint, `/api${endpoint.path}`, `${endpoint.operationId}Api`),
];

export const getTurnHistory = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/agents/:name/history',
  operationId: 'getTurnHistory',
  summary: "The newest messages of the caller's conversations with an agent, oldest first",
  request: { query: turnHistoryQuerySchema },
  responses: { 200: { description: 'The messages', schema: turnHistorySchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
});

export const listTurnConversations = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/agents/:name/conversations',
  operationId: 'listTurnConversations',
  summary: "The caller's conversations with an agent, the last active first",
  request: { query: conversationsQuerySchema },
  responses: { 200: { description: 'A page of them; `Link` tells the next', schema: conversationViewsSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND'],
});

export const createTurnConversation = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/agents/:name/conversations',
  operationId: 'createTurnConversation',
  summary: 'Begin a conversation, which is the current one from now on; no message is sent',
  request: { body: createConversationSchema },
  responses: { 201: { description: 'The conversation', schema: conversationViewSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'AGENT_SUSPENDED', 'INBOX_RESTRICTED'],
});

export const renameTurnConversation = bothPaths({
  ...gateway,
  method: 'PUT',
  path: '/agents/:name/conversations/:id',
  operationId: 'renameTurnConversation',
  summary: 'Give a conversation a title',
  request: { body: renameConversationSchema },
  responses: { 200: { description: 'The conversation', schema: conversationViewSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND'],
});

export const deleteTurnConversation = bothPaths({
  ...gateway,
  method: 'DELETE',
  path: '/agents/:name/conversations/:id',
  operationId: 'deleteTurnConversation',
  summary: 'Delete a conversation for the caller, for good; the agent keeps its side',
  responses: { 200: { description: 'It is gone', schema: conversationDeletedSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND'],
});

export const getGatewayInbox = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/agents/:name/inbox',
  operationId: 'getGatewayInbox',
  summary: 'What an agent wrote and the caller has not read, oldest first',
  request: { query: gatewayInboxQuerySchema },
  responses: { 200: { description: 'The messages', schema: gatewayInboxSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
});

export const markTurnsRead = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/agents/:name/mark-read',
  operationId: 'markTurnsRead',
  summary: 'Mark messages of an agent as read: all, some, or those of a conversation up to one',
  request: { body: markReadSchema },
  responses: { 200: { description: 'How many were marked, and how many are unread', schema: markedReadSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
});

export const TEAMMATE_ENDPOINTS: Endpoint[] = [
  ...getTurnHistory,
  ...listTurnConversations,
  ...createTurnConversation,
  ...renameTurnConversation,
  ...deleteTurnConversation,
  ...getGatewayInbox,
  ...markTurnsRead,
];
