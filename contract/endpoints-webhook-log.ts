import type { Endpoint } from './endpoint';
import {
  deliveriesQuerySchema,
  recoverSchema,
  recoveryStartedSchema,
  redeliverSchema,
  webhookDeliveriesSchema,
  webhookDeliveryDetailSchema,
  webhookDeliverySchema,
  webhookEventsQuerySchema,
  webhookEventsSchema,
} from './webhook-log';

/** webhooks.md §11.1 and §11.2. */

export const listWebhookDeliveries: Endpoint = {
  method: 'GET',
  path: '/v1/webhooks/:id/deliveries',
  operationId: 'listWebhookDeliveries',
  summary: 'What was sent to an endpoint in the last 30 days, and what still waits, newest first',
  tag: 'Webhooks',
  auth: 'agent',
  request: { query: deliveriesQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: webhookDeliveriesSchema } },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND'],
};

export const getWebhookDelivery: Endpoint = {
  method: 'GET',
  path: '/v1/webhooks/:id/deliveries/:delivery_id',
  operationId: 'getWebhookDelivery',
  summary: 'One delivery with its request and every attempt; signatures are redacted',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'The delivery', schema: webhookDeliveryDetailSchema } },
  errors: ['NOT_FOUND'],
};

export const redeliverWebhook: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks/:id/deliveries/:delivery_id/redeliver',
  operationId: 'redeliverWebhook',
  summary: 'Send the same bytes once more, as a new delivery; with `wait` its first attempt decides the answer',
  tag: 'Webhooks',
  auth: 'agent',
  agentLimits: ['webhook_redeliver'],
  request: { body: redeliverSchema },
  responses: { 202: { description: 'The new delivery', schema: webhookDeliverySchema } },
  errors: ['NOT_FOUND', 'FORBIDDEN', 'WEBHOOK_DELIVERY_FAILED'],
};

export const recoverWebhook: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks/:id/recover',
  operationId: 'recoverWebhook',
  summary: 'Send what the endpoint missed in a time, oldest first and at its pace',
  tag: 'Webhooks',
  auth: 'agent',
  agentLimits: ['webhook_recover'],
  request: { body: recoverSchema },
  responses: { 202: { description: 'It goes on by itself', schema: recoveryStartedSchema } },
  errors: ['NOT_FOUND', 'FORBIDDEN'],
};

export const listWebhookEvents: Endpoint = {
  method: 'GET',
  path: '/v1/webhooks/:id/events',
  operationId: 'listWebhookEvents',
  summary: 'What happened since a time, oldest first, also what was never delivered',
  tag: 'Webhooks',
  auth: 'agent',
  request: { query: webhookEventsQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: webhookEventsSchema } },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND'],
};

export const WEBHOOK_LOG_ENDPOINTS: Endpoint[] = [
  listWebhookDeliveries,
  getWebhookDelivery,
  redeliverWebhook,
  recoverWebhook,
  listWebhookEvents,
];
