import { getActivity } from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { activityQuerySchema } from '../../../contract/gateway-views';
import { ACTIVITY_ENTRIES_MAX } from '../../../contract/limits';
import { timelineOf } from '../../../domain/tool-timeline';
import { presentActivity } from '../../../presenters/activity';
import { countTurns, findActive, readTools, type ActivityScope } from '../../../store/gateway/activity';
import { countSessions, listSessions, loadSession } from '../../../store/gateway/sessions';
import type { GatewaySession } from '../../../store/schema/collections/gateway';
import type { PresenceService } from '../../realtime/presence/presence';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

type Deps = GatewayDeps & { presence: PresenceService };

/** What an agent is doing and did for its users: gateway.md §4.4. */
export const activityRoutes = (deps: Deps): Route[] => [gatewayRoute(getActivity, (ctx) => show(ctx, deps))];

const HOUR_MS = 3_600_000;

/** An agent that is offline, or says nothing of its tools, is idle. */
async function show(ctx: GatewayContext, deps: Deps): Promise<Reply> {
  const { hours, session_id: sessionId } = ctx.validate(activityQuerySchema, Object.fromEntries(ctx.query));
  const { agent, seesAll } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const scope = { agentId: agent._id, ...(seesAll ? {} : { principal: ctx.principal }) };
  const session = sessionId === undefined ? null : await requireSession(deps, scope, sessionId);
  const since = new Date(ctx.now.getTime() - hours * HOUR_MS);
  const turns = session === null ? scope : { ...scope, sessionId: session._id };
  const open = await findActive(deps.database, turns);
  const [tools, counts, sessions, presences] = await Promise.all([
    readTools(deps.database, turns, since, open),
    countTurns(deps.database, turns, since),
    session === null ? sumUp(deps, scope) : ofOne(session),
    deps.presence.read([agent._id]),
  ]);
  return {
    status: 200,
    body: presentActivity({
      isRunning: open.some(({ status }) => status === 'running'),
      timeline: timelineOf(tools, since, ACTIVITY_ENTRIES_MAX),
      counts,
      ...sessions,
      presence: presences.get(agent._id)?.status ?? 'offline',
      windowHours: hours,
    }),
  };
}

/** @throws AppError SESSION_NOT_FOUND the same for somebody else's and one that never was */
async function requireSession(
  { database }: Deps,
  { agentId, principal }: ActivityScope,
  id: string,
): Promise<GatewaySession> {
  const session = await loadSession(database, id);
  const isVisible = session.agentId === agentId && (principal === undefined || session.principal === principal.key);
  if (!isVisible) throw new AppError('SESSION_NOT_FOUND');
  return session;
}

const ofOne = ({ status, lastMessageAt }: GatewaySession) => ({
  sessions: { active: status === 'active' ? 1 : 0, total: 1 },
  lastMessageAt,
});

/** Sessions that are looked at for the last message: the newest ones may have none yet. */
const NEWEST_MAX = 20;

async function sumUp({ database }: Deps, scope: ActivityScope) {
  const [total, active, newest] = await Promise.all([
    countSessions(database, scope),
    countSessions(database, { ...scope, status: 'active' }),
    listSessions(database, { ...scope, limit: NEWEST_MAX }),
  ]);
  const times = newest.flatMap(({ lastMessageAt }) => lastMessageAt?.getTime() ?? []);
  return { sessions: { active, total }, lastMessageAt: times.length === 0 ? null : new Date(Math.max(...times)) };
}
