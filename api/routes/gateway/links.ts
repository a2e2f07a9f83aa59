import { createLink, deleteLink, getLink, listLinks, rotateLink, updateLink } from '../../../contract/endpoints-public';
import { AppError } from '../../../contract/errors';
import { LINK_TOKEN_PREFIX_LENGTH } from '../../../contract/limits';
import { createLinkSchema, updateLinkSchema } from '../../../contract/public-chat';
import { newGatewayId } from '../../../platform/ids';
import { hashLinkToken, newLinkToken } from '../../../platform/link-tokens';
import { presentLink, presentLinkUsage } from '../../../presenters/public-chat';
import {
  changeLink,
  findLink,
  insertLink,
  listLinks as readLinks,
  revokeLink,
  type LinkScope,
} from '../../../store/gateway/links';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewayLink } from '../../../store/schema/collections/links';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import type { GatewayDeps } from './gateway-deps';
import { requireOwned } from './require-owned';

/** Owners share their agents by links: gateway.md §6.1. Another one's agent is as unknown here as one that never was. */
export function linkRoutes(deps: GatewayDeps): Route[] {
  const route = (endpoint: typeof createLink, handle: (owned: Owned, ctx: GatewayContext) => Promise<Reply>): Route =>
    gatewayRoute(endpoint, async (ctx) => {
      const agent = await requireOwned(ctx, deps, 'share links');
      return handle({ agent, scope: { agentId: agent._id, ownerId: ctx.principal.ownerId } }, ctx);
    });
  return [
    route(createLink, (owned, ctx) => create(owned, ctx, deps)),
    route(listLinks, async ({ agent, scope }) => {
      const links = await readLinks(deps.database, scope);
      return { status: 200, json: JSON.stringify(links.map((link) => presentLink(agent, link))) };
    }),
    route(getLink, async ({ agent, scope }, { params }) => {
      const link = found(await findLink(deps.database, params.id ?? '', scope));
      return { status: 200, body: presentLinkUsage(agent, link) };
    }),
    route(updateLink, (owned, ctx) => update(owned, ctx, deps)),
    route(rotateLink, async ({ agent, scope }, { params }) => {
      const { token, fields } = newToken();
      const link = found(await changeLink(deps.database, params.id ?? '', scope, fields));
      return { status: 200, ...withToken(agent, link, token, deps) };
    }),
    route(deleteLink, async ({ scope }, { params, now }) => {
      const id = params.id ?? '';
      if (!(await revokeLink(deps.database, id, scope, now))) throw new AppError('LINK_NOT_FOUND');
      // For latency only: the relay of the outbox ends what is left.
      await deps.turns.cancelOfLink(id);
      return { status: 204, isEmpty: true };
    }),
  ];
}

interface Owned {
  agent: Agent;
  scope: LinkScope;
}

function found(link: GatewayLink | null): GatewayLink {
  if (link === null) throw new AppError('LINK_NOT_FOUND');
  return link;
}

function newToken(): { token: string; fields: Pick<GatewayLink, 'tokenHash' | 'tokenPrefix'> } {
  const token = newLinkToken();
  return { token, fields: { tokenHash: hashLinkToken(token), tokenPrefix: token.slice(0, LINK_TOKEN_PREFIX_LENGTH) } };
}

const withToken = (agent: Agent, link: GatewayLink, token: string, { config }: GatewayDeps) => ({
  headers: { 'Cache-Control': 'no-store' },
  body: { ...presentLink(agent, link), token, url: `${config.PUBLIC_BASE_URL}/c/${token}` },
});

async function create({ agent, scope }: Owned, ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(createLinkSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const { token, fields } = newToken();
  const link: GatewayLink = {
    _id: newGatewayId('link'),
    ...scope,
    name: body.name ?? null,
    ...fields,
    enabled: true,
    requireEmail: body.require_email ?? false,
    expiresAt: futureOf(body.expires_at, ctx.now) ?? null,
    maxMessages: body.max_messages ?? null,
    welcome: body.welcome ?? null,
    usage: { sessions: 0, messages: 0, addresses: 0, lastUsedAt: null },
    complaints: [],
    createdAt: ctx.now,
  };
  await insertLink(deps.database, link);
  return { status: 201, ...withToken(agent, link, token, deps) };
}

async function update({ agent, scope }: Owned, ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(updateLinkSchema, await ctx.readBody());
  const expiresAt = futureOf(body.expires_at, ctx.now);
  const link = await changeLink(deps.database, ctx.params.id ?? '', scope, {
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.enabled === undefined ? {} : { enabled: body.enabled }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(body.require_email === undefined ? {} : { requireEmail: body.require_email }),
    ...(body.max_messages === undefined ? {} : { maxMessages: body.max_messages }),
    ...(body.welcome === undefined ? {} : { welcome: body.welcome }),
  });
  return { status: 200, body: presentLink(agent, found(link)) };
}

/** @throws AppError VALIDATION_ERROR for a time that has passed */
function futureOf(time: string | null | undefined, now: Date): Date | null | undefined {
  if (time === null || time === undefined) return time;
  const at = new Date(time);
  if (at > now) return at;
  const fieldErrors = { expires_at: ['Expected a time in the future'] };
  throw new AppError('VALIDATION_ERROR', { formErrors: [], fieldErrors });
}
