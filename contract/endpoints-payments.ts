import type { Endpoint } from './endpoint';
import {
  paidAnswerSchema,
  paidChatSchema,
  paidInfoSchema,
  paymentRequiredSchema,
  paymentSettingsSchema,
  paymentsLogQuerySchema,
  paymentsLogSchema,
  putPaymentsSchema,
} from './payments';

/** gateway.md §6.3: an owner says what a turn with its agent costs. */
const owners = { tag: 'Gateway', auth: 'principal' } as const;

export const getPayments: Endpoint = {
  ...owners,
  method: 'GET',
  path: '/api/agents/:name/payments',
  operationId: 'getPayments',
  summary: 'What strangers pay for a turn with the agent, and to whom',
  responses: { 200: { description: 'The configuration', schema: paymentSettingsSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const putPayments: Endpoint = {
  ...owners,
  method: 'PUT',
  path: '/api/agents/:name/payments',
  operationId: 'putPayments',
  summary: 'Switch paid chat on or off, and set its price',
  request: { body: putPaymentsSchema },
  responses: { 200: { description: 'As it is from now on', schema: paymentSettingsSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND', 'PAYMENTS_NOT_CONFIGURED'],
};

export const listPayments: Endpoint = {
  ...owners,
  method: 'GET',
  path: '/api/agents/:name/payments/log',
  operationId: 'listPayments',
  summary: 'The payments for turns with the agent, newest first',
  request: { query: paymentsLogQuerySchema },
  responses: { 200: { description: 'The payments', schema: paymentsLogSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

/** gateway.md §6.3: whoever pays needs no account. */
const payers = { tag: 'Gateway', auth: 'none' } as const;

export const getPaidInfo: Endpoint = {
  ...payers,
  method: 'GET',
  path: '/api/paid/:name/info',
  operationId: 'getPaidInfo',
  summary: 'What a turn with the agent costs',
  responses: { 200: { description: 'The price, as both generations of x402 write it', schema: paidInfoSchema } },
  errors: ['AGENT_NOT_FOUND', 'RATE_LIMITED'],
};

export const paidChat: Endpoint = {
  ...payers,
  method: 'POST',
  path: '/api/paid/:name/chat',
  operationId: 'paidChat',
  summary: 'Pay for a turn with the agent (x402, version 1 or 2) and get its answer',
  bodyCode: 'CONTENT_TOO_LARGE',
  request: { body: paidChatSchema },
  responses: {
    200: { description: 'The answer, paid for', schema: paidAnswerSchema },
    402: { description: 'What has to be paid, or why a payment was not taken', schema: paymentRequiredSchema },
  },
  errors: [
    'PAYMENT_INVALID',
    'AGENT_SUSPENDED',
    'BLOCKED',
    'AGENT_NOT_FOUND',
    'SESSION_NOT_FOUND',
    'PAYMENT_IN_PROGRESS',
    'SESSION_CLOSED',
    'TURN_CANCELLED',
    'RATE_LIMITED',
    'TURN_QUEUE_FULL',
    'RECIPIENT_BACKLOGGED',
    'AGENT_ERROR',
    'AGENT_UNAVAILABLE',
    'PAYMENT_PENDING',
    'TURN_TIMEOUT',
  ],
};

export const PAYMENT_ENDPOINTS: Endpoint[] = [getPayments, putPayments, listPayments, getPaidInfo, paidChat];
