import { AppError, isAppError } from '../../contract/errors';

/** How long callers are asked to wait when the store does not answer. */
const RETRY_MS = 5_000;

/** What was being stored failed, not the store: its own error passes unchanged. */
export class SourceFault {
  constructor(readonly error: unknown) {}
}

/** Runs `work` of a store: whatever fails in it is the store's failure, with the cause for the log. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SourceFault) throw error.error;
    if (isAppError(error)) throw error;
    const failure = new AppError('STORAGE_UNAVAILABLE', undefined, RETRY_MS);
    failure.cause = error;
    throw failure;
  }
}
