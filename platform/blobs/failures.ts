import type { Readable } from 'node:stream';
import { AppError, isAppError } from '../../contract/errors';

/** How long callers are asked to wait when the store does not answer. */
const RETRY_MS = 5_000;

/**
 * A failure as callers see it: refusals and faults of `source` (what was being stored) pass unchanged, everything else
 * is the store's own and becomes STORAGE_UNAVAILABLE, with the cause for the log.
 */
export function storageFailure(error: unknown, source?: Buffer | Readable): unknown {
  if (isAppError(error)) return error;
  if (source !== undefined && !Buffer.isBuffer(source) && source.errored === error) return error;
  const failure = new AppError('STORAGE_UNAVAILABLE', undefined, RETRY_MS);
  failure.cause = error;
  return failure;
}
