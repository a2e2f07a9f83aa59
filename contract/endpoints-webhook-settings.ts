import type { Endpoint } from './endpoint';
import { okSchema } from './social';
import {
  rotatedKeyPairSchema,
  rotatedSecretSchema,
  rotateKeyPairSchema,
  rotateSecretSchema,
  testWebhookSchema,
  updateWebhookSchema,
  webhookTestSchema,
} from './webhook-settings';
import { webhookSchema } from './webhooks';

/** webhooks.md §11.3, §11.4: what agents do with a webhook that they have. */

export const updateWebhook: Endpoint = {
  method: 'PATCH',
  path: '/v1/webhooks/:id',
  operationId: 'updateWebhook',
  summary: 'Change a webhook, switch it off or on; in force for the next attempt',
  tag: 'Webhooks',
  auth: 'agent',
  request: { body: updateWebhookSchema },
  responses: { 200: { description: 'As it is now, without its secret', schema: webhookSchema } },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND'],
};

export const rotateWebhookSecret: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks/:id/rotate-secret',
  operationId: 'rotateWebhookSecret',
  summary: 'Sign with another secret; the one before it signs, too, until the overlap ends',
  tag: 'Webhooks',
  auth: 'agent',
  request: { body: rotateSecretSchema },
  responses: {
    200: { description: 'In force for the next attempt; the only time it is shown', schema: rotatedSecretSchema },
  },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND', 'ROTATION_IN_PROGRESS'],
};

export const revokePreviousSecret: Endpoint = {
  method: 'DELETE',
  path: '/v1/webhooks/:id/previous-secret',
  operationId: 'revokePreviousSecret',
  summary: 'End the overlap of a rotation now: the secret before it signs nothing more',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'Only the newest secret signs', schema: okSchema } },
  errors: ['NOT_FOUND'],
};

export const rotateWebhookKeyPair: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks/:id/rotate-key',
  operationId: 'rotateWebhookKeyPair',
  summary: 'Sign with another ed25519 pair; the one before it signs, too, until the overlap ends',
  tag: 'Webhooks',
  auth: 'agent',
  request: { body: rotateKeyPairSchema },
  responses: { 200: { description: 'In force for the next attempt', schema: rotatedKeyPairSchema } },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND', 'FORBIDDEN', 'ROTATION_IN_PROGRESS'],
};

export const revokePreviousKeyPair: Endpoint = {
  method: 'DELETE',
  path: '/v1/webhooks/:id/previous-key',
  operationId: 'revokePreviousKeyPair',
  summary: 'End the overlap of a rotation of the pair now: the pair before it signs nothing more',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'Only the newest pair signs', schema: okSchema } },
  errors: ['NOT_FOUND'],
};

export const testWebhook: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks/:id/test',
  operationId: 'testWebhook',
  summary: 'Send a sample event to the endpoint once, and tell how it went',
  tag: 'Webhooks',
  auth: 'agent',
  agentLimits: ['webhook_test'],
  request: { body: testWebhookSchema },
  responses: { 200: { description: 'How the one attempt ended, also when it failed', schema: webhookTestSchema } },
  errors: ['VALIDATION_ERROR', 'NOT_FOUND', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE'],
};

export const WEBHOOK_SETTINGS_ENDPOINTS: Endpoint[] = [
  updateWebhook,
  rotateWebhookSecret,
  revokePreviousSecret,
  rotateWebhookKeyPair,
  revokePreviousKeyPair,
  testWebhook,
];
