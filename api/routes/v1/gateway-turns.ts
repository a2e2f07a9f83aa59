import {
  addTurnEvents,
  agentTurnsQuerySchema,
  completeAgentTurn,
  failAgentTurn,
  getAgentTurn,
  listAgentTurns,
} from '../../../contract/endpoints-agent-turns';
import { AppError } from '../../../contract/errors';
import { TURN_ANSWER_BYTES_MAX } from '../../../contract/limits';
import { completeTurnSchema, failTurnSchema, turnEventsSchema } from '../../../contract/turn-frames';
import { presentAgentTurn } from '../../../presenters/gateway';
import { presentMessage, STORED } from '../../../presenters/message';
import { listOpenTurns, loadAgentTurn, takeTurnFrames } from '../../../store/gateway/turn-events';
import type { Database } from '../../../store/schema/database';
import type { Committer } from '../../../store/sending/committer';
import { completeTurn } from '../../turns/complete-turn';
import type { Turns } from '../../turns/turns';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface AgentTurnDeps {
  database: Database;
  committer: Committer;
  turns: Turns;
}

/** Turns as their agents see them: gateway.md §8.3. */
export function agentTurnRoutes(deps: AgentTurnDeps): Route[] {
  const { database } = deps;
  return [
    agentRoute(listAgentTurns, async (ctx) => {
      const { limit } = ctx.validate(agentTurnsQuerySchema, Object.fromEntries(ctx.query));
      const rows = await listOpenTurns(database, ctx.agent._id, limit);
      return {
        status: 200,
        body: { turns: rows.map(({ execution, session }) => presentAgentTurn(execution, session)) },
      };
    }),
    agentRoute(getAgentTurn, async (ctx) => {
      const { execution, session } = await loadAgentTurn(database, ctx.agent._id, ctx.params.id ?? '');
      return { status: 200, body: presentAgentTurn(execution, session) };
    }),
    agentRoute(addTurnEvents, (ctx) => addEvents(ctx, deps)),
    agentRoute(completeAgentTurn, (ctx) => complete(ctx, deps)),
    agentRoute(failAgentTurn, async (ctx) => {
      const { error } = ctx.validate(failTurnSchema, await ctx.readBody());
      await deps.turns.failByAgent(ctx.agent, ctx.params.id ?? '', error);
      return { status: 200, body: { ok: true } };
    }),
  ];
}

async function addEvents(ctx: AgentContext, { database, turns }: AgentTurnDeps): Promise<Reply> {
  const { events } = ctx.validate(turnEventsSchema, await ctx.readBody());
  const executionId = ctx.params.id ?? '';
  const place = { agentId: ctx.agent._id, executionId };
  const { state, refusal } = await takeTurnFrames(database, place, events, ctx.now, ctx.agent);
  turns.changed(executionId);
  if (refusal === 'RESPONSE_TOO_LARGE') throw new AppError('CONTENT_TOO_LARGE', { max_bytes: TURN_ANSWER_BYTES_MAX });
  const through = state.nextIndex - 1;
  if (refusal === 'GAP') {
    const message = `Delta ${state.nextIndex} is missing: nothing behind it was taken`;
    throw new AppError('VALIDATION_ERROR', { through_index: through }, undefined, message);
  }
  return { status: 200, body: { through_index: through } };
}

async function complete(ctx: AgentContext, deps: AgentTurnDeps): Promise<Reply> {
  const body = ctx.validate(completeTurnSchema, await ctx.readBody());
  const outcome = await completeTurn(deps, ctx.agent, ctx.params.id ?? '', body);
  const { handle, displayName, isSystem } = ctx.agent;
  const json = presentMessage(outcome.message, { handle, displayName, isSystem }, STORED);
  return { status: 201, json, headers: outcome.kind === 'replayed' ? { 'Idempotent-Replay': 'true' } : {} };
}
