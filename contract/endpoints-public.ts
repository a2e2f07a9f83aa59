import type { ErrorCode } from './codes';
import type { Endpoint } from './endpoint';
import { EVENT_STREAM, gateway } from './endpoints-gateway';
import { terminatedSchema } from './gateway';
import {
  createLinkSchema,
  linkSchema,
  linkSecretSchema,
  linksSchema,
  linkUsageSchema,
  publicAcceptedSchema,
  publicAnswerSchema,
  publicChatSchema,
  publicClearedSchema,
  publicHistorySchema,
  publicLinkStateSchema,
  publicStatusSchema,
  publicStreamQuerySchema,
  publicTerminateSchema,
  updateLinkSchema,
  visitorCodeSchema,
  visitorCodeSentSchema,
  visitorProofSchema,
  visitorProvenSchema,
  visitorQuerySchema,
} from './public-chat';

/** gateway.md §6.1: owners share their agents by links. */
const links = { ...gateway, tag: 'Share links' } as const;
const LINKS = '/api/agents/:name/public-links';
const LINK_ERRORS: ErrorCode[] = ['FORBIDDEN', 'AGENT_NOT_FOUND', 'LINK_NOT_FOUND'];

export const createLink: Endpoint = {
  ...links,
  method: 'POST',
  path: LINKS,
  operationId: 'createPublicLink',
  summary: 'Make a link by which anybody may chat with an agent of yours; shows its token once',
  request: { body: createLinkSchema },
  responses: { 201: { description: 'The link with its token, shown only here', schema: linkSecretSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'LIMIT_REACHED'],
};

export const listLinks: Endpoint = {
  ...links,
  method: 'GET',
  path: LINKS,
  operationId: 'listPublicLinks',
  summary: 'The share links of an agent, newest first',
  responses: { 200: { description: 'The links, without their tokens', schema: linksSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const getLink: Endpoint = {
  ...links,
  method: 'GET',
  path: `${LINKS}/:id`,
  operationId: 'getPublicLink',
  summary: 'A share link and how it was used',
  responses: { 200: { description: 'The link', schema: linkUsageSchema } },
  errors: LINK_ERRORS,
};

export const updateLink: Endpoint = {
  ...links,
  method: 'PUT',
  path: `${LINKS}/:id`,
  operationId: 'updatePublicLink',
  summary: 'Change a share link; what is not named stays',
  request: { body: updateLinkSchema },
  responses: { 200: { description: 'The link', schema: linkSchema } },
  errors: LINK_ERRORS,
};

export const rotateLink: Endpoint = {
  ...links,
  method: 'POST',
  path: `${LINKS}/:id/rotate`,
  operationId: 'rotatePublicLink',
  summary: 'Give a share link a new token; the old one is dead at once, sessions survive',
  responses: { 200: { description: 'The link with its new token, shown only here', schema: linkSecretSchema } },
  errors: LINK_ERRORS,
};

export const deleteLink: Endpoint = {
  ...links,
  method: 'DELETE',
  path: `${LINKS}/:id`,
  operationId: 'deletePublicLink',
  summary: 'Revoke a share link for good; its open turns are cancelled',
  responses: { 204: { description: 'It is revoked' } },
  errors: LINK_ERRORS,
};

export const LINK_ENDPOINTS: Endpoint[] = [createLink, listLinks, getLink, updateLink, rotateLink, deleteLink];

/** gateway.md §6.2: visitors chat without an account. */
const publicChat = { tag: 'Public chat', auth: 'none', publicChat: 'look-up' } as const;

export const sayPublic: Endpoint = {
  ...publicChat,
  method: 'POST',
  path: '/api/public/chat/:token',
  operationId: 'publicChat',
  summary: 'Say something to the agent of a share link; as JSON, as server-sent events, or without waiting',
  publicChat: 'message',
  request: { body: publicChatSchema },
  responses: {
    200: { description: 'The answer', schema: publicAnswerSchema, streams: [EVENT_STREAM] },
    202: { description: 'The message is durable; nobody waits', schema: publicAcceptedSchema },
  },
  errors: [
    'IDEMPOTENCY_KEY_INVALID',
    'IDEMPOTENCY_KEY_CONFLICT',
    'UNAUTHORIZED',
    'CONTENT_TOO_LARGE',
    'LINK_NOT_FOUND',
    'AGENT_NOT_FOUND',
    'AGENT_SUSPENDED',
    'AGENT_UNAVAILABLE',
    'BLOCKED',
    'SESSION_NOT_FOUND',
    'SESSION_CLOSED',
    'TURN_QUEUE_FULL',
    'TURN_CANCELLED',
    'RECIPIENT_BACKLOGGED',
    'AGENT_ERROR',
    'TURN_TIMEOUT',
  ],
};

export const getPublicHistory: Endpoint = {
  ...publicChat,
  method: 'GET',
  path: '/api/public/history/:token',
  operationId: 'getPublicHistory',
  summary: "The newest messages of a visitor's session, oldest first",
  request: { query: visitorQuerySchema },
  responses: { 200: { description: 'The messages; none for an unknown session', schema: publicHistorySchema } },
  errors: ['VALIDATION_ERROR', 'LINK_NOT_FOUND'],
};

export const getPublicLinkState: Endpoint = {
  ...publicChat,
  method: 'GET',
  path: '/api/public/link/:token',
  operationId: 'getPublicLinkState',
  summary: 'Whether a share link works, and whose it is',
  responses: { 200: { description: 'What a page shows before the first message', schema: publicLinkStateSchema } },
  errors: [],
};

const EXECUTION = '/api/public/executions/:token/:execution_id';
const EXECUTION_ERRORS: ErrorCode[] = ['VALIDATION_ERROR', 'LINK_NOT_FOUND', 'EXECUTION_NOT_FOUND'];

export const getPublicExecution: Endpoint = {
  ...publicChat,
  method: 'GET',
  path: `${EXECUTION}/status`,
  operationId: 'getPublicExecution',
  summary: "How far a visitor's turn is",
  request: { query: visitorQuerySchema },
  responses: { 200: { description: 'The turn', schema: publicStatusSchema } },
  errors: EXECUTION_ERRORS,
};

export const streamPublicExecution: Endpoint = {
  ...publicChat,
  method: 'GET',
  path: `${EXECUTION}/stream`,
  operationId: 'streamPublicExecution',
  summary: "A visitor's turn as server-sent events, from `Last-Event-ID` on",
  request: { query: publicStreamQuerySchema },
  responses: { 200: { description: 'The events', mediaType: EVENT_STREAM } },
  errors: EXECUTION_ERRORS,
};

export const terminatePublicExecution: Endpoint = {
  ...publicChat,
  method: 'POST',
  path: `${EXECUTION}/terminate`,
  operationId: 'terminatePublicExecution',
  summary: "Cancel a visitor's turn; one that was answered before stays so",
  request: { body: publicTerminateSchema, query: visitorQuerySchema },
  responses: { 200: { description: 'What became of it', schema: terminatedSchema } },
  errors: EXECUTION_ERRORS,
};

export const clearPublicSession: Endpoint = {
  ...publicChat,
  method: 'DELETE',
  path: '/api/public/session/:token',
  operationId: 'clearPublicSession',
  summary: "End a visitor's session; the next message begins a new one",
  request: { query: visitorQuerySchema },
  responses: { 200: { description: 'The id of the session to come', schema: publicClearedSchema } },
  errors: ['VALIDATION_ERROR', 'LINK_NOT_FOUND'],
};

export const requestVisitorCode: Endpoint = {
  ...publicChat,
  method: 'POST',
  path: '/api/public/verify/request',
  operationId: 'requestVisitorCode',
  summary: 'Mail a code to a visitor of a link that asks for an address',
  request: { body: visitorCodeSchema },
  responses: { 200: { description: 'A code was mailed', schema: visitorCodeSentSchema } },
  errors: ['LINK_NOT_FOUND', 'OTP_COOLDOWN', 'OTP_HOURLY_CAP', 'OTP_FAILED'],
};

export const confirmVisitorCode: Endpoint = {
  ...publicChat,
  method: 'POST',
  path: '/api/public/verify/confirm',
  operationId: 'confirmVisitorCode',
  summary: 'Prove an address with the mailed code: it is the visitor from then on',
  request: { body: visitorProofSchema },
  responses: { 200: { description: 'What the visitor is known by for a day', schema: visitorProvenSchema } },
  errors: ['LINK_NOT_FOUND', 'INVALID_CODE', 'OTP_ATTEMPTS_EXHAUSTED'],
};

export const PUBLIC_ENDPOINTS: Endpoint[] = [
  sayPublic,
  getPublicHistory,
  getPublicLinkState,
  getPublicExecution,
  streamPublicExecution,
  terminatePublicExecution,
  clearPublicSession,
  requestVisitorCode,
  confirmVisitorCode,
];
