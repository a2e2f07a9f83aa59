import { getPresence, getPresences, setPresence } from '../../../contract/endpoints-presence';
import { AppError } from '../../../contract/errors';
import { isHandle, normaliseHandle } from '../../../contract/handles';
import { presenceBatchSchema, setPresenceSchema, type PresenceView } from '../../../contract/presence';
import type { Presence } from '../../../domain/presence';
import type { Database } from '../../../store/schema/database';
import { findFactsByHandle } from '../../../store/agents/agent-facts';
import type { PresenceService } from '../../realtime/presence/presence';
import { presentPresence } from '../../../presenters/presence';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { findShownPresence, UNKNOWN_PRESENCE } from '../../realtime/presence/shown-presence';

export interface PresenceDeps {
  database: Database;
  presence: PresenceService;
}

/** Presence: social.md §9. */
export function presenceRoutes(deps: PresenceDeps): Route[] {
  return [
    agentRoute(getPresence, (ctx) => get(ctx, deps)),
    agentRoute(setPresence, (ctx) => set(ctx, deps)),
    agentRoute(getPresences, (ctx) => batch(ctx, deps)),
  ];
}

async function get(ctx: AgentContext, deps: PresenceDeps): Promise<Reply> {
  const handle = normaliseHandle(ctx.params.handle ?? '');
  const shown = await findShown(ctx, deps, [handle]);
  const presence = shown.get(handle);
  // A stranger and nobody at all are told apart by nothing (social.md §9.2).
  if (presence === undefined) throw new AppError('NOT_FOUND');
  return { status: 200, body: presentPresence(handle, presence) };
}

async function set(ctx: AgentContext, { presence }: PresenceDeps): Promise<Reply> {
  const override = ctx.validate(setPresenceSchema, await ctx.readBody());
  const now = await presence.set(ctx.agent, override);
  return { status: 200, body: { ok: true, ...presentPresence(ctx.agent.handle, now) } };
}

async function batch(ctx: AgentContext, deps: PresenceDeps): Promise<Reply> {
  const body = ctx.validate(presenceBatchSchema, await ctx.readBody());
  const handles = [...new Set(body.handles.map(normaliseHandle))];
  const shown = await findShown(ctx, deps, handles);
  const presences = handles.map((handle) => presentPresence(handle, shown.get(handle) ?? UNKNOWN_PRESENCE));
  // No prototype: a caller may ask for `__proto__`.
  const results = Object.create(null) as Record<string, PresenceView>;
  for (const presence of presences) results[presence.handle] = presence;
  return { status: 200, body: { presences, results } };
}

/** The presence of those of `handles` that the caller may see. */
async function findShown(ctx: AgentContext, deps: PresenceDeps, handles: string[]): Promise<Map<string, Presence>> {
  const rows = await findFactsByHandle(deps.database, handles.filter(isHandle));
  const shown = await findShownPresence(deps, ctx.agent._id, rows);
  return new Map(
    rows.flatMap(({ _id, handle }) => {
      const presence = shown.get(_id);
      return presence === undefined ? [] : [[handle, presence]];
    }),
  );
}
