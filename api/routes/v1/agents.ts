import { updateProfileSchema } from '../../../contract/agents';
import { getMe, getProfile, updateProfile as updateProfileEndpoint } from '../../../contract/endpoints-profile';
import { isGuestHandle, normaliseHandle } from '../../../contract/handles';
import { hashApiKey } from '../../../platform/ids';
import type { Agent } from '../../../store/schema/collections/agents';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import { updateProfile, type ProfileChange } from '../../../store/accounts/update-profile';
import { presentProfile } from '../../../presenters/profile';
import { presentSelf } from '../../../presenters/self';
import {
  agentRoute,
  publicRoute,
  type AgentContext,
  type Reply,
  type RequestContext,
  type Route,
} from '../../http/route';
import { bearerKey } from '../../http/bearer-key';
import { refuseForeign, resolveTarget, resolveVisible } from '../../http/targets';

export interface AgentDeps {
  database: Database;
  agents: AgentReader;
  publicBaseUrl: string;
}

/** An agent as itself and as others see it: identity.md §7 to §9. */
export function agentRoutes(deps: AgentDeps): Route[] {
  const { agents, publicBaseUrl } = deps;
  return [
    agentRoute(getMe, (ctx) => Promise.resolve({ status: 200, body: presentSelf(ctx.agent, publicBaseUrl) })),
    publicRoute(getProfile, async (ctx) => {
      const agent = await findProfile(ctx, agents, ctx.params.handle ?? '');
      return { status: 200, body: presentProfile(agent, publicBaseUrl) };
    }),
    agentRoute(updateProfileEndpoint, (ctx) => update(ctx, deps)),
  ];
}

/** Anybody sees agents; only who has a session with it sees a guest, and only there the key is looked at. */
async function findProfile(ctx: RequestContext, agents: AgentReader, typed: string): Promise<Agent> {
  if (!isGuestHandle(normaliseHandle(typed))) return resolveTarget(agents, typed);
  const key = bearerKey(ctx.header('authorization'));
  return resolveVisible(agents, key === null ? null : await agents.findByKeyHash(hashApiKey(key)), typed);
}

/** The body before the owner (identity.md §9); of another handle it is never said whether it exists. */
async function update(ctx: AgentContext, { database, publicBaseUrl }: AgentDeps): Promise<Reply> {
  const change = await readChange(ctx);
  refuseForeign(ctx.agent, ctx.params.handle ?? '');
  const agent = await updateProfile(database, ctx.agent, change, ctx.now);
  return { status: 200, body: presentSelf(agent, publicBaseUrl) };
}

/** No body at all is an empty one: no field is required (conventions.md §1). */
async function readChange(ctx: AgentContext): Promise<ProfileChange> {
  const isEmpty = (await ctx.readText()) === '';
  const { display_name, description, settings } = ctx.validate(
    updateProfileSchema,
    isEmpty ? {} : await ctx.readBody(),
  );
  return {
    ...(display_name === undefined ? {} : { displayName: display_name }),
    ...(description === undefined ? {} : { description }),
    settings: {
      ...(settings?.inbox_mode === undefined ? {} : { inboxMode: settings.inbox_mode }),
      ...(settings?.group_invite_policy === undefined ? {} : { groupInvitePolicy: settings.group_invite_policy }),
      ...(settings?.discoverable === undefined ? {} : { discoverable: settings.discoverable }),
    },
  };
}
