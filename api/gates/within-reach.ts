import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import type { Reach } from '../../store/schema/reach';
import { OUTAGE_RETRY_MS } from '../http/errors';
import type { ApiMiddleware } from '../http/state';

/**
 * While the database is out of reach calls are answered 503 at once, and those that wait for it when it gets out of reach,
 * too, whatever they wait for. What such a call has begun may still happen: a 503 says that its outcome is unknown.
 */
export function withinReach(endpoint: Endpoint, reach: Reach | undefined): ApiMiddleware | null {
  if (reach === undefined || endpoint.answersInOutage === true) return null;
  return (_, next) => {
    if (reach.isLost()) throw new AppError('SERVICE_UNAVAILABLE', undefined, OUTAGE_RETRY_MS);
    return reach.whileThere(Promise.resolve(next()));
  };
}
