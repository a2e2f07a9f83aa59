import type { Endpoint } from './endpoint';
import { gateway, TURN_ERRORS } from './endpoints-gateway';
import { callbackSecretSchema, taskAnswerSchema, taskReceiptSchema, taskSchema } from './gateway-tasks';
import { TURN_BODY_BYTES_MAX } from './limits';

/** gateway.md §9.1, §12.5: work that nobody has to wait for. */

export const createTask: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/task',
  operationId: 'createTask',
  summary: 'Give an agent a task; it is durable with the answer, and done while nobody waits',
  startsTurn: true,
  bodyBytesMax: TURN_BODY_BYTES_MAX,
  bodyCode: 'CONTENT_TOO_LARGE',
  request: { body: taskSchema },
  responses: {
    200: { description: 'Its answer, for `async_mode: false`', schema: taskAnswerSchema },
    202: { description: 'It was taken', schema: taskReceiptSchema },
  },
  errors: [...TURN_ERRORS, 'STORAGE_UNAVAILABLE'],
};

export const retryExecution: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/executions/:id/retry',
  operationId: 'retryExecution',
  summary: 'Do a turn again that failed or was cancelled',
  startsTurn: true,
  responses: { 202: { description: 'The new turn', schema: taskReceiptSchema } },
  errors: [...TURN_ERRORS, 'EXECUTION_NOT_FOUND', 'TURN_CLOSED'],
};

export const createCallbackSecret: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/callback-secret',
  operationId: 'createCallbackSecret',
  summary: "Make the secret that signs the callbacks of an owner's own tasks; the one before is worth nothing",
  responses: { 201: { description: 'The secret, shown only here', schema: callbackSecretSchema } },
  errors: ['FORBIDDEN'],
};

export const TASK_ENDPOINTS: Endpoint[] = [createTask, retryExecution, createCallbackSecret];
