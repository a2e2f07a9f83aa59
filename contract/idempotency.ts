import type { Endpoint } from './endpoint';

/** conventions.md §8. */
export const IDEMPOTENCY_KEY_PATTERN = /^[A-Za-z0-9_-]{8,128}$/;

/**
 * True when `Idempotency-Key` means something to this endpoint: every authenticated mutation under `/v1/` but those that
 * opt out. Elsewhere the header is ignored, whatever it holds.
 */
export function takesIdempotencyKey(endpoint: Endpoint): boolean {
  return (
    endpoint.method !== 'GET' &&
    endpoint.auth !== 'none' &&
    endpoint.ignoresIdempotencyKey !== true &&
    endpoint.path.startsWith('/v1/')
  );
}
