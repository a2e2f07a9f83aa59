import { DatabaseTimeout } from './deadline';

/**
 * Errors by which the driver says that the database cannot be reached or did not answer in time; one has no prefix. An
 * unexpected response is what a server gets blamed for that was lost between two tries of a write.
 */
const OUTAGE_NAMES =
  /^(?:Mongo)?(?:Network|ServerSelection|NotConnected|TopologyClosed|PoolCleared|WaitQueueTimeout|OperationTimeout|ServerClosed|ClientClosed|UnexpectedServerResponse)/;

/** What Node says of a socket that the server has ended; between two of its own checks the driver lets it through as it is. */
const SOCKET_CODES = new Set<unknown>(['EPIPE', 'ECONNRESET']);

/**
 * Server answers that mean "no primary just now" (not master, shutdown, stepped down, interrupted) or "too slow": so slow
 * that a snapshot expired between two reads, too (239, 246).
 */
const OUTAGE_CODES = new Set<unknown>([50, 89, 91, 189, 239, 246, 262, 9001, 10107, 11600, 11602, 13435, 13436]);

/** True when `error` says nothing about the call, only that the database is out of reach or too slow just now. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof DatabaseTimeout || OUTAGE_NAMES.test(error.name)) return true;
  if ('code' in error && SOCKET_CODES.has(error.code)) return true;
  if (!error.name.startsWith('Mongo')) return false;
  if ('code' in error && OUTAGE_CODES.has(error.code)) return true;
  // What ended a bulk write is inside the bulk write's own error.
  return 'errorResponse' in error && isOutage(error.errorResponse);
}
