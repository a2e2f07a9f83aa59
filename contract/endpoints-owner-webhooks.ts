import type { Endpoint } from './endpoint';
import {
  ownerRotateSecretSchema,
  ownerWebhookSchema,
  ownerWebhooksSchema,
  switchWebhookSchema,
} from './owner-webhooks';
import {
  deliveriesQuerySchema,
  recoverSchema,
  recoveryStartedSchema,
  redeliverSchema,
  webhookDeliveriesSchema,
  webhookDeliveryDetailSchema,
  webhookDeliverySchema,
} from './webhook-log';
import { rotatedSecretSchema, testWebhookSchema, webhookTestSchema } from './webhook-settings';

/** webhooks.md §12: owners watch and repair the webhooks of their agents. Not part of the public document. */
const shared = { tag: 'Dashboard', auth: 'owner', isInternal: true } as const;

const WEBHOOKS = '/dashboard/agents/:handle/webhooks';
const DELIVERIES = `${WEBHOOKS}/:id/deliveries`;

export const watchWebhooks: Endpoint = {
  ...shared,
  method: 'GET',
  path: WEBHOOKS,
  operationId: 'watchWebhooks',
  summary: 'The webhooks of a claimed agent, and how their endpoints do',
  responses: { 200: { description: 'All of them, without secrets', schema: ownerWebhooksSchema } },
  errors: ['AGENT_NOT_FOUND'],
};

export const switchWebhook: Endpoint = {
  ...shared,
  method: 'PATCH',
  path: `${WEBHOOKS}/:id`,
  operationId: 'switchWebhook',
  summary: 'Switch a webhook of a claimed agent off or on; in force for the next attempt',
  request: { body: switchWebhookSchema },
  responses: { 200: { description: 'As it is now, without its secret', schema: ownerWebhookSchema } },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const rotateSecretForAgent: Endpoint = {
  ...shared,
  method: 'POST',
  path: `${WEBHOOKS}/:id/rotate-secret`,
  operationId: 'rotateSecretForAgent',
  summary: 'Sign with a new secret; the one before it signs, too, until the overlap ends',
  request: { body: ownerRotateSecretSchema },
  responses: {
    200: { description: 'In force for the next attempt; the only time it is shown', schema: rotatedSecretSchema },
  },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND', 'ROTATION_IN_PROGRESS'],
};

export const testWebhookForAgent: Endpoint = {
  ...shared,
  method: 'POST',
  path: `${WEBHOOKS}/:id/test`,
  operationId: 'testWebhookForAgent',
  summary: 'Send a sample event to the endpoint once, and tell how it went',
  ownerLimits: ['webhook_test'],
  request: { body: testWebhookSchema },
  responses: { 200: { description: 'How the one attempt ended, also when it failed', schema: webhookTestSchema } },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND', 'SERVICE_UNAVAILABLE'],
};

export const watchDeliveries: Endpoint = {
  ...shared,
  method: 'GET',
  path: DELIVERIES,
  operationId: 'watchDeliveries',
  summary: 'What was sent to an endpoint in the last 30 days, and what still waits, newest first',
  request: { query: deliveriesQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: webhookDeliveriesSchema } },
  errors: ['VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const watchDelivery: Endpoint = {
  ...shared,
  method: 'GET',
  path: `${DELIVERIES}/:delivery_id`,
  operationId: 'watchDelivery',
  summary: 'One delivery with its request and every attempt; signatures are redacted',
  responses: { 200: { description: 'The delivery', schema: webhookDeliveryDetailSchema } },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND'],
};

export const redeliverForAgent: Endpoint = {
  ...shared,
  method: 'POST',
  path: `${DELIVERIES}/:delivery_id/redeliver`,
  operationId: 'redeliverForAgent',
  summary: 'Send the same bytes once more, as a new delivery; with `wait` its first attempt decides the answer',
  ownerLimits: ['webhook_redeliver'],
  request: { body: redeliverSchema },
  responses: { 202: { description: 'The new delivery', schema: webhookDeliverySchema } },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND', 'FORBIDDEN', 'WEBHOOK_DELIVERY_FAILED'],
};

export const recoverForAgent: Endpoint = {
  ...shared,
  method: 'POST',
  path: `${WEBHOOKS}/:id/recover`,
  operationId: 'recoverForAgent',
  summary: 'Send what the endpoint missed in a time, oldest first and at its pace',
  ownerLimits: ['webhook_recover'],
  request: { body: recoverSchema },
  responses: { 202: { description: 'It goes on by itself', schema: recoveryStartedSchema } },
  errors: ['AGENT_NOT_FOUND', 'NOT_FOUND', 'FORBIDDEN'],
};

export const OWNER_WEBHOOK_ENDPOINTS: Endpoint[] = [
  watchWebhooks,
  switchWebhook,
  rotateSecretForAgent,
  testWebhookForAgent,
  watchDeliveries,
  watchDelivery,
  redeliverForAgent,
  recoverForAgent,
];
