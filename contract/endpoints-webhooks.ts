import type { Endpoint } from './endpoint';
import { okSchema } from './social';
import { createdWebhookSchema, createWebhookSchema, webhookSchema, webhooksSchema } from './webhooks';

/** webhooks.md §2. Restricted and paused agents manage their webhooks as everybody does. */

export const createWebhook: Endpoint = {
  method: 'POST',
  path: '/v1/webhooks',
  operationId: 'createWebhook',
  summary: 'Register an endpoint for events; shows its secret once',
  tag: 'Webhooks',
  auth: 'agent',
  agentLimits: ['webhook_create'],
  request: { body: createWebhookSchema },
  responses: { 201: { description: 'In force for everything that happens from now on', schema: createdWebhookSchema } },
  errors: ['VALIDATION_ERROR', 'LIMIT_REACHED', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE'],
};

export const listWebhooks: Endpoint = {
  method: 'GET',
  path: '/v1/webhooks',
  operationId: 'listWebhooks',
  summary: 'The webhooks of the agent, oldest first, also inactive ones',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'All of them, without secrets', schema: webhooksSchema } },
  errors: [],
};

export const getWebhook: Endpoint = {
  method: 'GET',
  path: '/v1/webhooks/:id',
  operationId: 'getWebhook',
  summary: 'One webhook of the agent',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'Without its secret', schema: webhookSchema } },
  errors: ['NOT_FOUND'],
};

export const deleteWebhook: Endpoint = {
  method: 'DELETE',
  path: '/v1/webhooks/:id',
  operationId: 'deleteWebhook',
  summary: 'Remove a webhook and what was not sent to it yet; no attempt starts after the answer',
  tag: 'Webhooks',
  auth: 'agent',
  responses: { 200: { description: 'Removed', schema: okSchema } },
  errors: ['NOT_FOUND'],
};

export const WEBHOOK_ENDPOINTS: Endpoint[] = [createWebhook, listWebhooks, getWebhook, deleteWebhook];
