import type { ErrorCode } from './codes';
import type { Endpoint } from './endpoint';
import {
  createdKeySchema,
  createKeySchema,
  gatewayKeysSchema,
  chatAnswerSchema,
  chatSchema,
  executionLogQuerySchema,
  executionLogSchema,
  executionSchema,
  executionsQuerySchema,
  executionsSchema,
  gatewayAgentSchema,
  gatewayAgentsSchema,
  plainHistorySchema,
  resetSchema,
  sessionClosedSchema,
  sessionDetailSchema,
  sessionQuerySchema,
  sessionsQuerySchema,
  sessionsSchema,
  terminatedSchema,
  terminateSchema,
} from './gateway';
import {
  bearerTokensSchema,
  emailRequestedSchema,
  emailVerifySchema,
  loggedOutSchema,
  refreshBodySchema,
} from './gateway-sign-in';
import {
  activityQuerySchema,
  activitySchema,
  executionStreamQuerySchema,
  persistentHistoryQuerySchema,
  persistentHistorySchema,
} from './gateway-views';
import { TURN_BODY_BYTES_MAX } from './limits';
import { codeRequestSchema } from './owners';

/** gateway.md: people and applications chat with agents. */
const auth = { tag: 'Gateway sign-in', method: 'POST' } as const;
export const gateway = { tag: 'Chat gateway', auth: 'principal' } as const;

export const NDJSON = 'application/x-ndjson';
export const EVENT_STREAM = 'text/event-stream';

export const requestEmailCode: Endpoint = {
  ...auth,
  path: '/api/auth/email/request',
  operationId: 'requestEmailCode',
  summary: 'Mail a code that signs a user of the gateway in, or up',
  auth: 'none',
  addressLimit: 'dashboard_otp',
  request: { body: codeRequestSchema },
  responses: { 200: { description: 'A code was mailed', schema: emailRequestedSchema } },
  errors: ['OTP_COOLDOWN', 'OTP_HOURLY_CAP', 'OTP_FAILED'],
};

export const verifyEmailCode: Endpoint = {
  ...auth,
  path: '/api/auth/email/verify',
  operationId: 'verifyEmailCode',
  summary: 'Sign in with the mailed code',
  auth: 'none',
  addressLimit: 'dashboard_verify',
  request: { body: emailVerifySchema },
  responses: { 200: { description: 'Signed in', schema: bearerTokensSchema } },
  errors: ['UNAUTHORIZED', 'OTP_ATTEMPTS_EXHAUSTED'],
};

export const refreshBearer: Endpoint = {
  ...auth,
  path: '/api/auth/refresh',
  operationId: 'refreshBearerToken',
  summary: 'New tokens for a refresh token',
  auth: 'none',
  addressLimit: 'dashboard_refresh',
  request: { body: refreshBodySchema },
  responses: { 200: { description: 'New tokens', schema: bearerTokensSchema } },
  errors: ['UNAUTHORIZED', 'REFRESH_UNAVAILABLE'],
};

export const logout: Endpoint = {
  ...auth,
  path: '/api/auth/logout',
  operationId: 'logout',
  summary: 'End the session of the access token',
  auth: 'principal',
  responses: { 200: { description: 'Its tokens are worth nothing any more', schema: loggedOutSchema } },
  errors: ['FORBIDDEN'],
};

/** The same endpoint at another path. */
export const twin = (endpoint: Endpoint, path: string, operationId: string): Endpoint => ({
  ...endpoint,
  path,
  operationId,
});

export const listGatewayAgents: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents',
  operationId: 'listGatewayAgents',
  summary: 'The agents that the caller owns, then those that it has sessions with',
  responses: { 200: { description: 'The agents', schema: gatewayAgentsSchema } },
  errors: ['FORBIDDEN'],
};
export const listGatewayAgentsBare = twin(listGatewayAgents, '/agents', 'listGatewayAgentsBare');

export const getGatewayAgent: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name',
  operationId: 'getGatewayAgent',
  summary: 'One agent, by its handle or id',
  responses: { 200: { description: 'The agent', schema: gatewayAgentSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};
export const getGatewayAgentBare = twin(getGatewayAgent, '/agents/:name', 'getGatewayAgentBare');

/** What keeps a turn from starting, or becomes of it (gateway.md §1.2, §10.3). */
export const TURN_ERRORS: ErrorCode[] = [
  'CONTENT_TOO_LARGE',
  'FORBIDDEN',
  'AGENT_NOT_FOUND',
  'AGENT_SUSPENDED',
  'AGENT_UNAVAILABLE',
  'INBOX_RESTRICTED',
  'AWAITING_REPLY',
  'BLOCKED',
  'SESSION_NOT_FOUND',
  'SESSION_CLOSED',
  'TURN_QUEUE_FULL',
  'TURN_CANCELLED',
  'RECIPIENT_BACKLOGGED',
  'AGENT_ERROR',
  'TURN_TIMEOUT',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_CONFLICT',
];

export const chat: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/chat',
  operationId: 'chat',
  summary: 'Say something to an agent and get its answer: as JSON, stream-json or server-sent events (gateway.md §3)',
  startsTurn: true,
  bodyBytesMax: TURN_BODY_BYTES_MAX,
  request: { body: chatSchema },
  responses: { 200: { description: 'The answer', schema: chatAnswerSchema, streams: [NDJSON, EVENT_STREAM] } },
  errors: [...TURN_ERRORS, 'STORAGE_UNAVAILABLE'],
};
export const chatBare = twin(
  { ...chat, responses: { 200: { description: 'The answer', schema: chatAnswerSchema } } },
  '/agents/:name/chat',
  'chatBare',
);

export const chatStream: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/chat/stream',
  operationId: 'chatStream',
  summary: 'Say something to an agent and get its answer as server-sent events',
  startsTurn: true,
  bodyBytesMax: TURN_BODY_BYTES_MAX,
  request: { body: chatSchema },
  responses: { 200: { description: 'The events', mediaType: EVENT_STREAM } },
  errors: [...TURN_ERRORS, 'STORAGE_UNAVAILABLE'],
};
export const chatStreamBare = twin(chatStream, '/agents/:name/chat/stream', 'chatStreamBare');

export const listSessions: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/chat/sessions',
  operationId: 'listSessions',
  summary: 'Sessions with an agent, the last active first; its owner sees those of all users',
  request: { query: sessionsQuerySchema },
  responses: { 200: { description: 'A page of sessions', schema: sessionsSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const getSession: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/chat/sessions/:id',
  operationId: 'getSession',
  summary: 'A session with its newest messages',
  request: { query: sessionQuerySchema },
  responses: { 200: { description: 'The session', schema: sessionDetailSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
};

export const closeSession: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/chat/sessions/:id/close',
  operationId: 'closeSession',
  summary: 'Close a session; its open turns are cancelled',
  responses: { 200: { description: 'It is closed', schema: sessionClosedSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND'],
};

export const getPlainHistory: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/chat/history',
  operationId: 'getPlainHistory',
  summary: "The messages of the caller's current session",
  request: { query: sessionQuerySchema },
  responses: { 200: { description: 'The messages, oldest first', schema: plainHistorySchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
};

export const getPersistentHistory: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/chat/history/persistent',
  operationId: 'getPersistentHistory',
  summary: 'The messages of all sessions with an agent, closed ones included; its owner sees those of all users',
  request: { query: persistentHistoryQuerySchema },
  responses: { 200: { description: 'A page of messages, newest first', schema: persistentHistorySchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'MESSAGE_NOT_FOUND'],
};

export const resetHistory: Endpoint = {
  ...gateway,
  method: 'DELETE',
  path: '/api/agents/:name/chat/history',
  operationId: 'resetHistory',
  summary: "Close the caller's current session, so that the next turn starts afresh",
  responses: { 200: { description: 'The next turn starts afresh', schema: resetSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const getActivity: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/activity',
  operationId: 'getActivity',
  summary: 'What an agent is doing and did: its tools, turns and presence; its owner sees those of all users',
  request: { query: activityQuerySchema },
  responses: { 200: { description: 'The summary', schema: activitySchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'SESSION_NOT_FOUND'],
};

export const listExecutions: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/executions',
  operationId: 'listExecutions',
  summary: 'Turns with an agent, newest first; its owner sees those of all users',
  request: { query: executionsQuerySchema },
  responses: { 200: { description: 'A page of turns; `Link` tells the next', schema: executionsSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const getExecution: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/executions/:id',
  operationId: 'getExecution',
  summary: 'One turn',
  responses: { 200: { description: 'The turn', schema: executionSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'EXECUTION_NOT_FOUND'],
};

export const getExecutionLog: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/executions/:id/log',
  operationId: 'getExecutionLog',
  summary: 'The events of a turn',
  request: { query: executionLogQuerySchema },
  responses: { 200: { description: 'A page of events', schema: executionLogSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'EXECUTION_NOT_FOUND'],
};

export const streamExecution: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/executions/:id/stream',
  operationId: 'streamExecution',
  summary: 'The events of a turn, from `Last-Event-ID` on: as server-sent events or stream-json',
  request: { query: executionStreamQuerySchema },
  responses: { 200: { description: 'The events', mediaType: EVENT_STREAM } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'EXECUTION_NOT_FOUND', 'TURN_QUEUE_FULL'],
};

export const terminateExecution: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/executions/:id/terminate',
  operationId: 'terminateExecution',
  summary: 'Cancel a turn; one that was answered before stays so',
  request: { body: terminateSchema },
  responses: { 200: { description: 'What became of it', schema: terminatedSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'EXECUTION_NOT_FOUND'],
};
export const cancelExecution = twin(terminateExecution, '/api/agents/:name/executions/:id/cancel', 'cancelExecution');

/** gateway.md §2: keys are managed by their owner alone. */
export const createKey: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/keys',
  operationId: 'createKey',
  summary: 'Make a key for an application, for all agents, one or a team; shows it once',
  request: { body: createKeySchema },
  responses: { 201: { description: 'The key, shown only here', schema: createdKeySchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'TEAM_NOT_FOUND', 'LIMIT_REACHED'],
};

export const listKeys: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/keys',
  operationId: 'listKeys',
  summary: "The caller's keys, newest first",
  responses: { 200: { description: 'The keys, without their secrets', schema: gatewayKeysSchema } },
  errors: ['FORBIDDEN'],
};

export const deleteKey: Endpoint = {
  ...gateway,
  method: 'DELETE',
  path: '/api/keys/:id',
  operationId: 'deleteKey',
  summary: 'Revoke a key; it is worth nothing from the answer on',
  responses: { 204: { description: 'It is revoked' } },
  errors: ['FORBIDDEN', 'NOT_FOUND'],
};

export const GATEWAY_ENDPOINTS: Endpoint[] = [
  requestEmailCode,
  verifyEmailCode,
  refreshBearer,
  logout,
  listGatewayAgents,
  listGatewayAgentsBare,
  getGatewayAgent,
  getGatewayAgentBare,
  chat,
  chatBare,
  chatStream,
  chatStreamBare,
  listSessions,
  getSession,
  closeSession,
  getPlainHistory,
  getPersistentHistory,
  resetHistory,
  getActivity,
  listExecutions,
  getExecution,
  getExecutionLog,
  streamExecution,
  terminateExecution,
  cancelExecution,
  createKey,
  listKeys,
  deleteKey,
];
