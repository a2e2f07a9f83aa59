import { AppError } from '../../../contract/errors';
import type { Endpoint } from '../../../contract/endpoint';
import {
  takeTicket,
  viewBlocks,
  viewContacts,
  viewConversations,
  viewEvents,
  viewGroup,
  viewMessages,
  viewPresence,
  viewProfile,
} from '../../../contract/endpoints-owner-views';
import { TICKET_SECONDS } from '../../../contract/limits';
import {
  ownerViewConversationsQuerySchema,
  ownerViewEventsQuerySchema,
  ownerViewMessagesQuerySchema,
  ownerViewPageQuerySchema,
} from '../../../contract/owner-views';
import { cursorOf, presentCursor } from '../../../domain/timeline';
import { isVisible } from '../../../domain/guards';
import type { AgentReader } from '../../../store/agents/agents';
import { listBlocks } from '../../../store/contacts/blocks';
import { findClaim } from '../../../store/accounts/claims';
import type { Agent } from '../../../store/schema/collections/agents';
import { listContacts } from '../../../store/contacts/contacts';
import { listConversations } from '../../../store/conversations/conversations';
import type { Database } from '../../../store/schema/database';
import { getGroupOf } from '../../../store/groups/groups';
import { shareConversation } from '../../../store/owners/acquaintance';
import { readEvents } from '../../../store/owners/events';
import { readOwnerMessages } from '../../../store/owners/messages';
import { issueTicket } from '../../../store/owners/tickets';
import { presentGroupDetail } from '../../../presenters/group';
import { presentPresence } from '../../../presenters/presence';
import {
  presentOwnerBlock,
  presentOwnerContact,
  presentOwnerConversation,
  presentOwnerEvent,
  presentOwnerMessage,
  presentOwnerProfile,
} from '../../../presenters/owner-views';
import type { PresenceService } from '../../realtime/presence/presence';
import { ownerRoute, type OwnerContext, type Reply, type Route } from '../../http/route';
import { findShownPresence, UNKNOWN_PRESENCE } from '../../realtime/presence/shown-presence';
import { findAccount } from '../../http/targets';
import { ownAgent } from './agents';

export interface OwnerViewDeps {
  database: Database;
  agents: AgentReader;
  presence: PresenceService;
  publicBaseUrl: string;
}

/** A request about an agent that is its owner's. */
type OwnAgentContext = OwnerContext & { agent: Agent };

type Handler = (ctx: OwnAgentContext, deps: OwnerViewDeps) => Promise<Reply>;

/** What owners see of their agents: dashboard.md §5 to §7. Everything here only reads, and reads what the agent could. */
export function ownerViewRoutes(deps: OwnerViewDeps): Route[] {
  const ofAgent = (endpoint: Endpoint, handle: Handler): Route =>
    ownerRoute(endpoint, async (ctx) => handle({ ...ctx, agent: await ownAgent(deps.database, ctx) }, deps));
  return [
    ofAgent(viewConversations, conversations),
    ofAgent(viewMessages, messages),
    ofAgent(viewContacts, contacts),
    ofAgent(viewBlocks, blocks),
    ofAgent(viewEvents, events),
    ofAgent(viewPresence, presence),
    ofAgent(viewProfile, profile),
    ofAgent(viewGroup, group),
    ownerRoute(takeTicket, (ctx) => ticket(ctx, deps)),
  ];
}

const queryOf = (ctx: OwnerContext): Record<string, string> => Object.fromEntries(ctx.query);

const conversations: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(ownerViewConversationsQuerySchema, queryOf(ctx));
  const rows = await listConversations(database, ctx.agent._id, page, ctx.now);
  const shown = rows.map((row) => presentOwnerConversation(row, ctx.agent._id, publicBaseUrl));
  return { status: 200, body: { conversations: shown } };
};

const messages: Handler = async (ctx, { database, agents, publicBaseUrl }) => {
  const { conversationId, beforeSeq } = ctx.validate(ownerViewMessagesQuerySchema, queryOf(ctx));
  const page = { conversationId, ...(beforeSeq === undefined ? {} : { beforeSeq }) };
  return ctx.answerPage(async () => {
    const rows = await readOwnerMessages(database, agents, ctx.agent, page);
    const shown = rows.map((row) => presentOwnerMessage(row, publicBaseUrl));
    return `{"messages":[${shown.join(',')}]}`;
  });
};

const contacts: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(ownerViewPageQuerySchema, queryOf(ctx));
  const { rows, total } = await listContacts(database, ctx.agent._id, page);
  const shown = rows.map((row) => presentOwnerContact(row, publicBaseUrl));
  return { status: 200, body: { contacts: shown, total, ...page } };
};

const blocks: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(ownerViewPageQuerySchema, queryOf(ctx));
  const { rows, total } = await listBlocks(database, ctx.agent._id, page);
  const shown = rows.map((row) => presentOwnerBlock(row, publicBaseUrl));
  return { status: 200, body: { blocks: shown, total, ...page } };
};

const events: Handler = async (ctx, { database }) => {
  const { before, limit, includeMessages } = ctx.validate(ownerViewEventsQuerySchema, queryOf(ctx));
  // Behind now by as much as clocks of processes may differ: what was just recorded is part of the first page.
  const cursor = before === null ? { atMs: ctx.now.getTime() + FIRST_PAGE_MS, skip: 0 } : cursorOf(before);
  const page = await readEvents(database, ctx.agent._id, { cursor, limit, includeMessages, now: ctx.now });
  const next_before = page.next === null ? null : presentCursor(page.next);
  return { status: 200, body: { events: page.events.map(presentOwnerEvent), next_before } };
};

const FIRST_PAGE_MS = 60_000;

const presence: Handler = async (ctx, deps) => {
  const states = await deps.presence.read([ctx.agent._id]);
  return { status: 200, body: presentPresence(ctx.agent.handle, states.get(ctx.agent._id) ?? UNKNOWN_PRESENCE) };
};

/**
 * The owner's own agents whatever their state; others only while they are visible and share a conversation with this one.
 * Their presence is what this agent itself could see of it.
 */
const profile: Handler = async (ctx, deps) => {
  const { database, publicBaseUrl } = deps;
  const target = await findAccount(deps.agents, ctx.params.target ?? '');
  if (target === null || target.status === 'deleted') throw new AppError('AGENT_NOT_FOUND');
  const isOwn = (await findClaim(database, target._id))?.ownerId === ctx.owner.id;
  const isShown = isOwn || (isVisible(target.status) && (await shareConversation(database, ctx.agent._id, target._id)));
  if (!isShown) throw new AppError('AGENT_NOT_FOUND');
  const states = isOwn
    ? await deps.presence.read([target._id])
    : await findShownPresence(deps, ctx.agent._id, [target]);
  const shown = { isOwn, presence: states.get(target._id) ?? UNKNOWN_PRESENCE };
  return { status: 200, body: presentOwnerProfile(target, shown, publicBaseUrl) };
};

const group: Handler = async (ctx, deps) => {
  const { group: found } = await getGroupOf(deps.database, ctx.params.group_id ?? '', ctx.agent._id);
  return { status: 200, body: await presentGroupDetail(found, ctx.agent._id, deps) };
};

async function ticket({ owner }: OwnerContext, { database }: OwnerViewDeps): Promise<Reply> {
  const issued = await issueTicket(database, { ownerId: owner.id, sessionId: owner.sessionId });
  return { status: 200, body: { ticket: issued, expires_in: TICKET_SECONDS } };
}
