import { TURN_EVENTS_KEEP_MS } from '../../contract/limits';
import { turnEventId, type GatewayEvent, type GatewayExecution } from '../schema/collections/gateway';

/** An event of a turn, which goes a day after the turn must have ended. */
export function newEvent(
  { _id: executionId, deadlineAt }: Pick<GatewayExecution, '_id' | 'deadlineAt'>,
  event: Pick<GatewayEvent, 'n' | 'type' | 'data' | 'at'>,
): GatewayEvent {
  const expiresAt = new Date(deadlineAt.getTime() + TURN_EVENTS_KEEP_MS);
  return { _id: turnEventId(executionId, event.n), executionId, ...event, expiresAt };
}
