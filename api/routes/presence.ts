import { getPresence, getPresences, setPresence } from '../../contract/endpoints-presence';
import { AppError } from '../../contract/errors';
import { isHandle, normaliseHandle } from '../../contract/handles';
import { presenceBatchSchema, setPresenceSchema, type PresenceView } from '../../contract/presence';
import { isVisible } from '../../domain/heads';
import { NEVER_SEEN, presenceAt, type Presence } from '../../domain/presence';
import { withoutBlocked } from '../../store/audience';
import type { Database } from '../../store/database';
import type { PresenceService } from '../realtime/presence';
import { agentRoute, type AgentContext, type Reply, type Route } from '../route';

export interface PresenceDeps {
  database: Database;
  presence: PresenceService;
}

const UNKNOWN: Presence = presenceAt(NEVER_SEEN, new Date(0));

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
  const presences = handles.map((handle) => presentPresence(handle, shown.get(handle) ?? UNKNOWN));
  // No prototype: a caller may ask for `__proto__`.
  const results = Object.create(null) as Record<string, PresenceView>;
  for (const presence of presences) results[presence.handle] = presence;
  return { status: 200, body: { presences, results } };
}

/** The presence of those of `handles` that the caller may see: itself, and contacts without a block between the two. */
async function findShown(
  ctx: AgentContext,
  { database, presence }: PresenceDeps,
  handles: string[],
): Promise<Map<string, Presence>> {
  const rows = await database.agents
    .find({ handle: { $in: handles.filter(isHandle) } }, { projection: { handle: 1, status: 1 }, maxTimeMS: 5_000 })
    .toArray();
  const ids = rows.filter(({ status }) => isVisible(status)).map(({ _id }) => _id);
  const own = ids.filter((id) => id === ctx.agent._id);
  const entries = await database.contacts
    .find(
      { _id: { $in: ids.map((id) => `${ctx.agent._id}:${id}`) } },
      { projection: { contactId: 1 }, maxTimeMS: 5_000 },
    )
    .toArray();
  const contacts = await withoutBlocked(
    database,
    ctx.agent._id,
    entries.map(({ contactId }) => contactId),
  );
  const seen = new Set([...own, ...contacts]);
  const states = await presence.read([...seen]);
  return new Map(
    rows.filter(({ _id }) => seen.has(_id)).map(({ _id, handle }) => [handle, states.get(_id) ?? UNKNOWN]),
  );
}

function presentPresence(handle: string, { status, customMessage, lastSeenAt }: Presence): PresenceView {
  return { handle, status, custom_message: customMessage, last_seen: lastSeenAt?.toISOString() ?? null };
}
