import type { ClientSession } from 'mongodb';
import { TURN_EVENTS_KEEP_MS } from '../../contract/limits';
import { turnEventId, type GatewayEvent, type GatewayExecution } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** An event of a turn, which goes a day after the turn must have ended. */
export function newEvent(
  { _id: executionId, deadlineAt }: Pick<GatewayExecution, '_id' | 'deadlineAt'>,
  event: Pick<GatewayEvent, 'n' | 'type' | 'data' | 'at'>,
): GatewayEvent {
  const expiresAt = new Date(deadlineAt.getTime() + TURN_EVENTS_KEEP_MS);
  return { _id: turnEventId(executionId, event.n), executionId, ...event, expiresAt };
}

/** Events of tools that a turn shows at most. */
const TOOL_EVENTS_MAX = 1_000;

/** What the agent told of its tools, in its order; costs nothing for turns without any. */
export function readToolEvents(
  database: Database,
  { _id: id, toolCalls }: Pick<GatewayExecution, '_id' | 'toolCalls'>,
  transaction?: ClientSession,
): Promise<GatewayEvent[]> {
  if (toolCalls === undefined) return Promise.resolve([]);
  return database.gatewayEvents
    .find(
      { _id: { $gt: `${id}:`, $lt: `${id};` }, type: { $in: ['tool_call', 'tool_result'] } },
      {
        ...(transaction === undefined ? SAFE_READ : { ...READ, session: transaction }),
        sort: { _id: 1 },
        limit: TOOL_EVENTS_MAX,
      },
    )
    .toArray();
}
