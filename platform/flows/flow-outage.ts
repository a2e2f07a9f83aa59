import { isAppError } from '../../contract/errors';

/** gRPC: cancelled, deadline exceeded, permission denied, resource exhausted, unavailable, unauthenticated. */
const OUTAGE_CODES = new Set<unknown>([1, 4, 7, 8, 14, 16]);

/**
 * True when `error` of a call of the flows looks as if it said nothing about this flow, only that Temporal is out of reach
 * or too slow just now. One flow alone can be too slow, too: who has to know asks `isUp`.
 */
export function isFlowOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isAppError(error)) return error.code === 'SERVICE_UNAVAILABLE';
  if (error.name === 'NamespaceNotFoundError') return true;
  const { cause } = error;
  return error.name === 'ServiceError' && cause instanceof Error && 'code' in cause && OUTAGE_CODES.has(cause.code);
}

/**
 * A flow that runs but takes up nothing: nobody polls for it, or its code fails. What it was told last is still before it,
 * so telling it once more would only lengthen its history, up to the limit of signals.
 */
export class FlowBehind extends Error {
  constructor() {
    super('a flow has not taken up what it was told before');
    this.name = 'FlowBehind';
  }
}
