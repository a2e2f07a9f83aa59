import type { Clock } from '../../platform/clock';
import { createHttpFacilitator, type Facilitator } from '../../platform/x402/facilitator';
import type { Database } from '../schema/database';
import { createLocalFacilitator } from './local-facilitator';

/** The facilitator that the server is configured with (`X402_FACILITATOR`); null: it takes no payments. */
export function openFacilitator(deps: {
  facilitator: string | undefined;
  database: Database;
  clock: Clock;
}): Facilitator | null {
  const { facilitator } = deps;
  if (facilitator === undefined) return null;
  return facilitator === 'local' ? createLocalFacilitator(deps) : createHttpFacilitator(facilitator);
}
