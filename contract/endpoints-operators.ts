import { auditEventsSchema, auditQuerySchema, rotatedSystemKeySchema, rotateSystemKeySchema } from './audit';
import type { Endpoint } from './endpoint';

/** Operators' endpoints of accounts: outside of the public surface (conventions.md §17). */

const internal = { tag: 'Internal', auth: 'none', isInternal: true } as const;

export const rotateSystemKey: Endpoint = {
  ...internal,
  method: 'POST',
  path: '/internal/rotate-system-agent-key',
  operationId: 'rotateSystemKey',
  summary: 'Give a system agent a new key; the old one ends at once',
  request: { body: rotateSystemKeySchema },
  responses: { 200: { description: 'The key, shown once', schema: rotatedSystemKeySchema } },
  errors: ['RATE_LIMITED', 'VALIDATION_ERROR', 'NOT_A_SYSTEM_AGENT'],
};

export const listAuditEvents: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/audit-events',
  operationId: 'listAuditEvents',
  summary: 'What happened to accounts, newest first',
  request: { query: auditQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: auditEventsSchema } },
  errors: ['VALIDATION_ERROR', 'AGENT_NOT_FOUND'],
};
