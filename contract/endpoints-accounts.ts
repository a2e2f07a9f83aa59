import type { Endpoint } from './endpoint';
import { accountDeletedSchema, newKeySchema, recoverSchema } from './keys';
import { codeStartedSchema, registeredSchema, verifySchema } from './registration';

/** identity.md: key recovery, key rotation, deletion. */

export const recoverKey: Endpoint = {
  method: 'POST',
  path: '/v1/agents/recover',
  operationId: 'recoverKey',
  summary: 'Start a key recovery; the answer is the same whether the email backs an agent or not',
  tag: 'Identity',
  auth: 'none',
  addressLimit: 'recover',
  request: { body: recoverSchema },
  responses: { 200: { description: 'A code is mailed if the email backs an agent', schema: registeredSchema } },
  errors: ['VALIDATION_ERROR', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE'],
};

export const recoverKeyVerify: Endpoint = {
  method: 'POST',
  path: '/v1/agents/recover/verify',
  operationId: 'verifyRecovery',
  summary: 'Finish a key recovery: the new key, shown once; the old one is dead',
  tag: 'Identity',
  auth: 'none',
  addressLimit: 'recover_verify',
  request: { body: verifySchema },
  responses: { 200: { description: 'The handle, its new key, and the webhooks in force', schema: newKeySchema } },
  errors: [
    'VALIDATION_ERROR',
    'EXPIRED',
    'INVALID_CODE',
    'AGENT_NOT_FOUND',
    'HANDLE_REQUIRED',
    'RATE_LIMITED',
    'OTP_ATTEMPTS_EXHAUSTED',
    'SERVICE_UNAVAILABLE',
  ],
};

export const rotateKey: Endpoint = {
  method: 'POST',
  path: '/v1/agents/:handle/rotate-key',
  operationId: 'rotateKey',
  summary: 'Start a key rotation: mails a code; the current key stays valid',
  tag: 'Identity',
  auth: 'agent',
  addressLimit: 'rotate_key',
  ignoresIdempotencyKey: true,
  responses: { 200: { description: 'A code was mailed', schema: codeStartedSchema } },
  errors: [
    'RATE_LIMITED',
    'FORBIDDEN',
    'SYSTEM_AGENT_PROTECTED',
    'OTP_COOLDOWN',
    'OTP_HOURLY_CAP',
    'OTP_FAILED',
    'SERVICE_UNAVAILABLE',
  ],
};

export const rotateKeyVerify: Endpoint = {
  method: 'POST',
  path: '/v1/agents/:handle/rotate-key/verify',
  operationId: 'verifyRotation',
  summary: 'Finish a key rotation: the new key, shown once; the old one is dead on every node',
  tag: 'Identity',
  auth: 'agent',
  addressLimit: 'rotate_key_verify',
  ignoresIdempotencyKey: true,
  request: { body: verifySchema },
  responses: { 200: { description: 'The handle, its new key, and the webhooks in force', schema: newKeySchema } },
  errors: [
    'RATE_LIMITED',
    'FORBIDDEN',
    'VALIDATION_ERROR',
    'EXPIRED',
    'OTP_ATTEMPTS_EXHAUSTED',
    'INVALID_CODE',
    'SERVICE_UNAVAILABLE',
  ],
};

export const deleteAccount: Endpoint = {
  method: 'DELETE',
  path: '/v1/agents/:handle',
  operationId: 'deleteAgent',
  summary: 'Delete the own account, for ever: its key is dead at once, its handle is never free again',
  tag: 'Identity',
  auth: 'agent',
  responses: { 200: { description: 'Deleted', schema: accountDeletedSchema } },
  errors: ['FORBIDDEN', 'SYSTEM_AGENT_PROTECTED'],
};

export const ACCOUNT_ENDPOINTS: Endpoint[] = [deleteAccount, recoverKey, recoverKeyVerify, rotateKey, rotateKeyVerify];
