import { ALL_ERRORS, type ErrorCode } from './codes';
import type { Endpoint } from './endpoint';
import { takesIdempotencyKey } from './idempotency';

/**
 * Every code that the endpoint may answer with, its own and the pipeline's (conventions.md §2), by status. A status that
 * the endpoint declares a body of its own for (health's 503) is left out.
 */
export function codesByStatus(endpoint: Endpoint): Map<number, Set<ErrorCode>> {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of [...endpoint.errors, ...pipelineCodes(endpoint)]) {
    for (const status of statusesOf(code, endpoint)) {
      if (endpoint.responses[status] !== undefined) continue;
      byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
    }
  }
  // A body that did not end in time.
  if (endpoint.method !== 'GET') byStatus.set(408, new Set<ErrorCode>(['VALIDATION_ERROR']));
  return byStatus;
}

function statusesOf(code: ErrorCode, { auth, path, startsTurn }: Endpoint): number[] {
  // gateway.md §7: no codec that both sides take.
  if (code === 'VALIDATION_ERROR' && startsTurn === 'voice') return [400, 422];
  if (code === 'INVALID_API_KEY' && auth === 'principal') return [401];
  // webhooks.md §11.2: a webhook that is inactive, a delivery that is under way.
  if (code === 'FORBIDDEN' && path.startsWith('/v1/webhooks/')) return [409];
  if (code === 'FORBIDDEN' && path.startsWith('/dashboard/agents/:handle/webhooks/')) return [403, 409];
  // gateway.md §6.3: one that is malformed, and one that was used for something else.
  return code === 'PAYMENT_INVALID' ? [400, 409] : [ALL_ERRORS[code].status];
}

function pipelineCodes(endpoint: Endpoint): ErrorCode[] {
  const isOwners = endpoint.auth === 'owner';
  const isPrincipals = endpoint.auth === 'principal';
  const isLimited =
    endpoint.addressLimit !== undefined ||
    endpoint.publicChat !== undefined ||
    endpoint.agentLimits !== undefined ||
    isOwners ||
    isPrincipals;
  const readsBody = endpoint.method !== 'GET';
  return [
    ...when(endpoint.auth !== 'none', 'UNAUTHORIZED'),
    ...when(endpoint.auth === 'agent' || endpoint.auth === 'optional', 'SUSPENDED'),
    ...when(isOwners || isPrincipals, 'OWNER_NOT_FOUND'),
    ...when(isPrincipals, 'INVALID_API_KEY'),
    ...when(readsBody && endpoint.path.startsWith('/dashboard/'), 'FORBIDDEN'),
    // A page of another origin in the name of the owners' page (gateway.md §2).
    ...when(isPrincipals && endpoint.path.startsWith('/api/'), 'FORBIDDEN'),
    ...when(isLimited, 'RATE_LIMITED'),
    ...when(readsBody, endpoint.bodyCode ?? 'PAYLOAD_TOO_LARGE'),
    ...when(endpoint.request?.body !== undefined, 'VALIDATION_ERROR'),
    ...when(
      takesIdempotencyKey(endpoint),
      'IDEMPOTENCY_KEY_INVALID',
      'IDEMPOTENT_IN_PROGRESS',
      'IDEMPOTENCY_KEY_CONFLICT',
    ),
    'INTERNAL_ERROR',
    'SERVICE_UNAVAILABLE',
  ];
}

const when = (applies: boolean, ...codes: ErrorCode[]): ErrorCode[] => (applies ? codes : []);
