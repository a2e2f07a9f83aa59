import { AppError, isAppError, toEnvelope } from '../../contract/errors';
import { isOutage } from '../../store/schema/outage';
import { isGatewayPath } from './gateway-path';
import type { ApiContext } from './state';

/** How long callers are asked to wait when the database is out of reach. */
export const OUTAGE_RETRY_MS = 2_000;

/** `error` as the wire's error: refusals as they are, outages as 503, everything else as a 500 without internals. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (isOutage(error)) return new AppError('SERVICE_UNAVAILABLE', undefined, OUTAGE_RETRY_MS);
  return new AppError('INTERNAL_ERROR');
}

/** Writes the flat envelope with `Retry-After` where waiting helps (conventions.md §5, §6). */
export function writeError(ctx: Pick<ApiContext, 'set' | 'status' | 'body' | 'type' | 'state'>, error: AppError): void {
  if (error.retryAfterMs !== undefined || error.status === 503) {
    ctx.set('Retry-After', String(Math.max(1, Math.ceil((error.retryAfterMs ?? OUTAGE_RETRY_MS) / 1000))));
  }
  if (error.status === 401) ctx.set('WWW-Authenticate', 'Bearer');
  // The rest of an oversize or endless body is not read: the connection cannot be used again.
  if (error.status === 413 || error.status === 408) ctx.set('Connection', 'close');
  ctx.status = error.status;
  ctx.type = 'application/json; charset=utf-8';
  const envelope = toEnvelope(error);
  // Clients of both originals of the chat gateway read `detail` (gateway.md §2.1).
  ctx.body = JSON.stringify(isGatewayPath(ctx.state.path) ? { ...envelope, detail: error.message } : envelope);
}
