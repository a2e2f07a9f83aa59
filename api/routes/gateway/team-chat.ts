import { EVENT_STREAM } from '../../../contract/endpoints-gateway';
import { getTeamHistory, streamTeamExecution, teamChat, teamChatStream } from '../../../contract/endpoints-teams';
import { AppError } from '../../../contract/errors';
import { teamChatSchema, teamHistoryQuerySchema, teamStreamQuerySchema } from '../../../contract/teams';
import { presentTeamTurn } from '../../../presenters/teams';
import { findExecution, listExecutions } from '../../../store/gateway/executions';
import { findSession } from '../../../store/gateway/sessions';
import { findParts, isTeamTurn } from '../../../store/gateway/team-turns';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { beginTeamTurn } from '../../turns/begin-team-turn';
import { findTeam } from '../../turns/find-team';
import { nameTurn } from '../../turns/name-turn';
import { receiptOf } from '../../turns/receipt-of';
import { knownEvent } from '../../turns/resume-turn';
import { awaitTeam, resumeTeamEvents, teamEvents, type TeamCaller } from '../../turns/watch-team';
import type { GatewayDeps } from './gateway-deps';

/** Users talk to teams: gateway.md §5.4, §12.1. */
export function teamChatRoutes(deps: GatewayDeps): Route[] {
  return [
    ...teamChat.map((endpoint) => gatewayRoute(endpoint, (ctx) => answer(ctx, deps))),
    ...teamChatStream.map((endpoint) => gatewayRoute(endpoint, (ctx) => stream(ctx, deps))),
    ...streamTeamExecution.map((endpoint) => gatewayRoute(endpoint, (ctx) => resume(ctx, deps))),
    ...getTeamHistory.map((endpoint) => gatewayRoute(endpoint, (ctx) => history(ctx, deps))),
  ];
}

async function say(ctx: GatewayContext, deps: GatewayDeps, wantsStream: boolean): Promise<TeamCaller> {
  const body = ctx.validate(teamChatSchema, await ctx.readBody());
  const team = await findTeam(deps.database, ctx.principal, ctx.params.id ?? '');
  const { principal, now } = ctx;
  if (wantsStream) deps.limiter.holdStream(principal.key, ctx.whenGone());
  const caller = { principal, now, receipt: await receiptOf(ctx, principal.key) };
  const begun = await beginTeamTurn(deps, caller, team, body);
  const { execution } = begun;
  if (!isTeamTurn(execution)) throw new Error('a turn of a team has its plan');
  nameTurn(ctx, begun);
  return { ctx, execution, waitMs: body.timeout_seconds * 1_000 };
}

async function answer(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { view } = await awaitTeam(deps, await say(ctx, deps, false));
  return { status: 200, body: view };
}

async function stream(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const records = teamEvents(deps, await say(ctx, deps, true));
  return { status: 200, stream: { type: `${EVENT_STREAM}; charset=utf-8`, records } };
}

/** Goes on behind the event that the caller knows; its going changes nothing. */
async function resume(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(teamStreamQuerySchema, Object.fromEntries(ctx.query));
  const { principal, params } = ctx;
  const { _id: agentId } = await findTeam(deps.database, principal, params.id ?? '');
  const execution = await findExecution(deps.database, params.execution_id ?? '', { agentId, principal });
  if (execution === null || !isTeamTurn(execution)) throw new AppError('EXECUTION_NOT_FOUND');
  deps.limiter.holdStream(principal.key, ctx.whenGone());
  const after = knownEvent(ctx.header('last-event-id'), query.after);
  return {
    status: 200,
    headers: { 'X-Execution-Id': execution._id, 'X-Session-Id': execution.sessionId },
    stream: { type: `${EVENT_STREAM}; charset=utf-8`, records: resumeTeamEvents(deps, { ctx, execution, after }) },
  };
}

/** Turns that are read at once: each has a message of the user at least. */
const TURNS_AT_ONCE = 20;

async function history(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { limit, conversation_id: sessionId } = ctx.validate(teamHistoryQuerySchema, Object.fromEntries(ctx.query));
  const { database } = deps;
  const { principal } = ctx;
  const team = await findTeam(database, principal, ctx.params.id ?? '');
  const isNamed = sessionId !== undefined && sessionId !== '';
  if (isNamed && (await findSession(database, sessionId, { principal, agentId: team._id })) === null) {
    throw new AppError('SESSION_NOT_FOUND');
  }
  return ctx.answerPage(async () => {
    const messages: ReturnType<typeof presentTeamTurn> = [];
    let after: { queuedAt: Date; id: string } | undefined;
    do {
      const turns = await listExecutions(database, {
        agentId: team._id,
        principal,
        ...(isNamed ? { sessionId } : {}),
        ...(after === undefined ? {} : { after }),
        limit: TURNS_AT_ONCE,
      });
      // Lists leave the answers out.
      const full = await findParts(
        database,
        turns.map(({ _id }) => _id),
      );
      for (const turn of turns.flatMap(({ _id }) => full.get(_id) ?? []).filter(isTeamTurn)) {
        const ids = turn.team.outcomes.map(({ executionId }) => executionId);
        messages.push(...presentTeamTurn(turn, await findParts(database, ids)));
        if (messages.length >= limit) break;
      }
      const last = turns.at(-1);
      after =
        last === undefined || turns.length < TURNS_AT_ONCE ? undefined : { queuedAt: last.queuedAt, id: last._id };
    } while (after !== undefined && messages.length < limit);
    messages.sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at));
    return JSON.stringify({ messages: messages.slice(-limit) });
  });
}
