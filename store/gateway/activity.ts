import type { Filter } from 'mongodb';
import { SESSION_KINDS } from '../../contract/gateway';
import { callsOf } from '../../domain/turn-report';
import type { TurnTools } from '../../domain/tool-timeline';
import { OPEN_STATUSES, type TurnFailure, type TurnStatus } from '../../domain/turns';
import type { GatewayExecution } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { readToolEvents } from './events';
import type { Principal } from './principals';

/** What an agent is doing and did for its users (gateway.md §4.4). */

/** Whose turns are looked at: those of everybody, of a caller, or of one session. */
export interface ActivityScope {
  agentId: string;
  principal?: Principal;
  sessionId?: string;
}

const inScope = ({ agentId, principal, sessionId }: ActivityScope): Filter<GatewayExecution> => ({
  agentId,
  ...(principal === undefined ? {} : { principal: principal.key }),
  ...(sessionId === undefined ? {} : { sessionId }),
});

/** Turns that are counted: of an agent that has more in a window, the newest. */
const COUNTED_MAX = 50_000;

export interface TurnCount {
  status: TurnStatus;
  failure: TurnFailure | null;
  count: number;
}

/** How many turns since a time ended how, or have not; read from an index alone but for those of a session. */
export function countTurns(database: Database, scope: ActivityScope, since: Date): Promise<TurnCount[]> {
  const ofChannels = scope.sessionId === undefined ? { channel: { $in: [...SESSION_KINDS] } } : {};
  return database.gatewayExecutions
    .aggregate<TurnCount>(
      [
        { $match: { ...inScope(scope), ...ofChannels, queuedAt: { $gte: since } } },
        { $sort: { queuedAt: -1, _id: -1 } },
        { $limit: COUNTED_MAX },
        { $group: { _id: { status: '$status', failure: '$error.code' }, count: { $sum: 1 } } },
        { $project: { _id: 0, status: '$_id.status', failure: { $ifNull: ['$_id.failure', null] }, count: 1 } },
      ],
      READ,
    )
    .toArray();
}

/** Open turns that are looked at: an agent works on few at once. */
const OPEN_MAX = 100;

/** The turns that are open now, whenever they began, the newest first. */
export function findActive(
  database: Database,
  scope: ActivityScope,
): Promise<Pick<GatewayExecution, '_id' | 'status' | 'toolCalls' | 'completedAt'>[]> {
  return database.gatewayExecutions
    .find(
      { ...inScope(scope), status: { $in: [...OPEN_STATUSES] } },
      {
        ...SAFE_READ,
        sort: { queuedAt: -1 },
        limit: OPEN_MAX,
        projection: { status: 1, toolCalls: 1, completedAt: 1 },
        hint: scope.sessionId === undefined ? 'open_agent' : 'open_session',
      },
    )
    .toArray();
}

/** Turns whose tools make a timeline. */
const TURNS_MAX = 200;
/** No turn lives for longer: one that told of its tools in a window began at most so long before it. */
const TURN_LIFE_MS_MAX = 86_400_000;

/**
 * The tools of the newest turns of a scope: of ended ones what was kept with them, of open ones what their events tell.
 * @param open of the same scope (`findActive`)
 */
export async function readTools(
  database: Database,
  scope: ActivityScope,
  since: Date,
  open: Awaited<ReturnType<typeof findActive>>,
): Promise<TurnTools[]> {
  const begin = new Date(since.getTime() - TURN_LIFE_MS_MAX);
  const ended = await database.gatewayExecutions
    .find(
      { ...inScope(scope), toolCalls: { $exists: true }, queuedAt: { $gte: begin } },
      {
        ...SAFE_READ,
        sort: { queuedAt: -1 },
        limit: TURNS_MAX,
        projection: { tools: 1, completedAt: 1 },
        hint: indexOf(scope),
      },
    )
    .toArray();
  const turns = ended.flatMap(({ _id: executionId, completedAt, tools }): TurnTools[] =>
    tools === undefined ? [] : [{ executionId, endedAt: completedAt, calls: tools }],
  );
  for (const execution of open) {
    const calls = callsOf(await readToolEvents(database, execution));
    if (calls.length > 0) turns.push({ executionId: execution._id, endedAt: null, calls });
  }
  return turns;
}

function indexOf({ sessionId, principal }: ActivityScope): string {
  if (sessionId !== undefined) return 'session_queued';
  return principal === undefined ? 'agent_tools' : 'principal_tools';
}
