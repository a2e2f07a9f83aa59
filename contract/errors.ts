import { ALL_ERRORS, type ErrorCode } from './codes';

/** What `details` may hold: small JSON values, shaped per code by conventions.md §6. */
export type ErrorDetails = Record<string, unknown>;

/**
 * The one error class of the server: thrown where a refusal is known, translated once at each edge
 * (HTTP envelope, close code, ApplicationFailure). Recognise it by `code`, never by `instanceof` across processes.
 */
export class AppError extends Error {
  readonly status: number;

  /**
   * @param code a code of `contract/codes.ts`; the HTTP status follows from it
   * @param details shaped as conventions.md §6 says for this code; omitted from the envelope when empty
   * @param retryAfterMs the wait that `Retry-After` announces (rounded up to seconds); absent = no header
   * @param status only where a code has two: 503 of `OPS_AUTH_REQUIRED` (conventions.md §6), 409 of operators' and webhooks' `FORBIDDEN`,
   *   401 of the gateway's `INVALID_API_KEY` (gateway.md §2), 422 of codecs that nobody takes (gateway.md §7), 408 of a
   *   `VALIDATION_ERROR` whose body did not end in time
   */
  constructor(
    readonly code: ErrorCode,
    readonly details?: ErrorDetails,
    readonly retryAfterMs?: number,
    message?: string,
    status?: 401 | 408 | 409 | 422 | 503,
  ) {
    super(message ?? ALL_ERRORS[code].message);
    this.name = 'AppError';
    this.status = status ?? ALL_ERRORS[code].status;
  }
}

/** True for an `AppError` of any realm (jest and the workflow sandbox have realms of their own). */
export function isAppError(error: unknown): error is AppError {
  return error instanceof Error && error.name === 'AppError' && 'code' in error && 'status' in error;
}

/** The flat envelope of conventions.md §6. */
export interface ErrorEnvelope {
  code: string;
  message: string;
  details?: ErrorDetails;
  /** `message` once more, on paths of the chat gateway (gateway.md §2.1). */
  detail?: string;
}

/** `error` as the body that goes over the wire. */
export function toEnvelope(error: AppError): ErrorEnvelope {
  const empty = error.details === undefined || Object.keys(error.details).length === 0;
  // social.md §8.5: published clients read the wait of mute writes beside `code`, too.
  const beside = error.details?.['scope'] === 'mute_write' ? { retry_after_ms: error.details['retry_after_ms'] } : {};
  return { code: error.code, message: error.message, ...(empty ? {} : { details: error.details }), ...beside };
}
