import { z } from 'zod';
import type { Endpoint } from './endpoint';
import { PRESENCE_ENDPOINTS } from './endpoints-presence';
import { PROFILE_ENDPOINTS } from './endpoints-profile';
import { CONVERSATION_ENDPOINTS } from './endpoints-conversations';
import { ACCOUNT_ENDPOINTS } from './endpoints-accounts';
import { GROUP_ENDPOINTS } from './endpoints-groups';
import { ATTACHMENT_ENDPOINTS } from './endpoints-attachments';
import { AVATAR_ENDPOINTS } from './endpoints-avatars';
import { SOCIAL_ENDPOINTS } from './endpoints-social';
import { TURN_SLOTS_ENDPOINTS } from './endpoints-turn-slots';
import { WEBHOOK_LOG_ENDPOINTS } from './endpoints-webhook-log';
import { WEBHOOK_SETTINGS_ENDPOINTS } from './endpoints-webhook-settings';
import { WEBHOOK_ENDPOINTS } from './endpoints-webhooks';
import { GATEWAY_ENDPOINTS } from './endpoints-gateway';
import { AGENT_TURN_ENDPOINTS } from './endpoints-agent-turns';
import { TASK_ENDPOINTS } from './endpoints-tasks';
import { LINK_ENDPOINTS, PUBLIC_ENDPOINTS } from './endpoints-public';
import { PAYMENT_ENDPOINTS } from './endpoints-payments';
import { TEAMMATE_ENDPOINTS } from './endpoints-teammate';
import { TEAM_ENDPOINTS } from './endpoints-teams';
import { VOICE_ENDPOINTS } from './endpoints-voice';
import { SEND_BODY_BYTES_MAX } from './limits';
import { ackedSchema, ackSchema, messageSchema, sendMessageSchema, syncQuerySchema } from './messages';
import { registerSchema, registeredSchema, verifiedSchema, verifySchema } from './registration';

/** Every public endpoint. The router serves exactly these; a test compares the two. */

export const root: Endpoint = {
  method: 'GET',
  path: '/',
  operationId: 'getRoot',
  summary: 'Name and version of the server',
  tag: 'Platform',
  auth: 'none',
  answersInOutage: true,
  responses: {
    200: { description: 'Alive', schema: z.object({ name: z.string(), version: z.string(), status: z.string() }) },
  },
  errors: [],
};

const healthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  mongodb: z.boolean(),
  bus: z.boolean(),
  temporal: z.boolean(),
  blobs: z.boolean(),
});

export const health: Endpoint = {
  method: 'GET',
  path: '/v1/health',
  operationId: 'getHealth',
  summary: 'Whether the server can do its work',
  tag: 'Platform',
  auth: 'none',
  answersInOutage: true,
  responses: {
    200: { description: 'All load-bearing dependencies answer', schema: healthSchema },
    503: { description: 'Database or push channel is down', schema: healthSchema },
  },
  errors: [],
};

export const openapi: Endpoint = {
  method: 'GET',
  path: '/v1/openapi.json',
  operationId: 'getOpenapi',
  summary: 'This document',
  tag: 'Platform',
  auth: 'none',
  answersInOutage: true,
  responses: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
  errors: [],
};

export const register: Endpoint = {
  method: 'POST',
  path: '/v1/register',
  operationId: 'register',
  summary: 'Start a registration: mails a code',
  tag: 'Identity',
  auth: 'none',
  addressLimit: 'register',
  request: { body: registerSchema },
  responses: { 200: { description: 'A code was mailed', schema: registeredSchema } },
  errors: [
    'VALIDATION_ERROR',
    'INVALID_HANDLE',
    'HANDLE_TAKEN',
    'EMAIL_TAKEN',
    'EMAIL_LIMIT_REACHED',
    'EMAIL_EXHAUSTED',
    'RATE_LIMITED',
    'OTP_COOLDOWN',
    'OTP_HOURLY_CAP',
    'OTP_FAILED',
    'SERVICE_UNAVAILABLE',
  ],
};

export const registerVerify: Endpoint = {
  method: 'POST',
  path: '/v1/register/verify',
  operationId: 'verifyRegistration',
  summary: 'Finish a registration: creates the agent and shows its key once',
  tag: 'Identity',
  auth: 'none',
  addressLimit: 'register_verify',
  request: { body: verifySchema },
  responses: { 201: { description: 'The agent and its only key', schema: verifiedSchema } },
  errors: [
    'VALIDATION_ERROR',
    'EXPIRED',
    'INVALID_CODE',
    'HANDLE_TAKEN',
    'EMAIL_TAKEN',
    'EMAIL_LIMIT_REACHED',
    'EMAIL_EXHAUSTED',
    'RATE_LIMITED',
    'OTP_ATTEMPTS_EXHAUSTED',
    'SERVICE_UNAVAILABLE',
  ],
};

export const sendMessage: Endpoint = {
  method: 'POST',
  path: '/v1/messages',
  operationId: 'sendMessage',
  summary: 'Send a message; a repeated client_msg_id answers the original',
  tag: 'Messages',
  auth: 'agent',
  provesCaller: true,
  bodyCode: 'CONTENT_TOO_LARGE',
  bodyBytesMax: SEND_BODY_BYTES_MAX,
  ignoresIdempotencyKey: true,
  request: { body: sendMessageSchema },
  responses: {
    201: { description: 'Durably accepted', schema: messageSchema },
    200: { description: 'The original of this client_msg_id (`Idempotent-Replay: true`)', schema: messageSchema },
  },
  errors: [
    'VALIDATION_ERROR',
    'CONTENT_TOO_LARGE',
    'AGENT_NOT_FOUND',
    'GROUP_NOT_FOUND',
    'GROUP_DELETED',
    'AGENT_PAUSED_BY_OWNER',
    'BLOCKED',
    'RESTRICTED',
    'INBOX_RESTRICTED',
    'AWAITING_REPLY',
    'ATTACHMENT_NOT_FOUND',
    'ATTACHMENT_WRONG_SCOPE',
    'RATE_LIMITED',
    'RECIPIENT_BACKLOGGED',
  ],
};

export const syncMessages: Endpoint = {
  method: 'GET',
  path: '/v1/messages/sync',
  operationId: 'syncMessages',
  summary: 'Undelivered messages, oldest first',
  tag: 'Messages',
  auth: 'agent',
  request: { query: syncQuerySchema },
  responses: { 200: { description: 'A page; shorter than the limit = the end', schema: z.array(messageSchema) } },
  errors: ['VALIDATION_ERROR'],
};

export const ackMessages: Endpoint = {
  method: 'POST',
  path: '/v1/messages/sync/ack',
  operationId: 'ackMessages',
  summary: 'Mark everything up to a delivery as delivered',
  tag: 'Messages',
  auth: 'agent',
  ignoresIdempotencyKey: true,
  request: { body: ackSchema },
  responses: { 200: { description: 'How many changed', schema: ackedSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const ENDPOINTS: Endpoint[] = [
  root,
  health,
  openapi,
  register,
  registerVerify,
  ...PROFILE_ENDPOINTS,
  sendMessage,
  syncMessages,
  ackMessages,
  ...CONVERSATION_ENDPOINTS,
  ...ACCOUNT_ENDPOINTS,
  ...AVATAR_ENDPOINTS,
  ...ATTACHMENT_ENDPOINTS,
  ...SOCIAL_ENDPOINTS,
  ...PRESENCE_ENDPOINTS,
  ...GROUP_ENDPOINTS,
  ...WEBHOOK_ENDPOINTS,
  ...WEBHOOK_LOG_ENDPOINTS,
  ...WEBHOOK_SETTINGS_ENDPOINTS,
  ...GATEWAY_ENDPOINTS,
  ...TEAMMATE_ENDPOINTS,
  ...TASK_ENDPOINTS,
  ...TEAM_ENDPOINTS,
  ...LINK_ENDPOINTS,
  ...PUBLIC_ENDPOINTS,
  ...PAYMENT_ENDPOINTS,
  ...TURN_SLOTS_ENDPOINTS,
  ...VOICE_ENDPOINTS,
  ...AGENT_TURN_ENDPOINTS,
];
