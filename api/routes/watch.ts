import { AppError } from '../../contract/errors';
import type { Endpoint } from '../../contract/endpoint';
import {
  takeTicket,
  watchBlocks,
  watchContacts,
  watchConversations,
  watchEvents,
  watchGroup,
  watchMessages,
  watchPresence,
  watchProfile,
} from '../../contract/endpoints-watch';
import { TICKET_SECONDS } from '../../contract/limits';
import {
  watchedConversationsQuerySchema,
  watchedEventsQuerySchema,
  watchedMessagesQuerySchema,
  watchedPageQuerySchema,
} from '../../contract/watch';
import { cursorOf, presentCursor } from '../../domain/timeline';
import { isVisible } from '../../domain/heads';
import type { AgentReader } from '../../store/agents';
import { listBlocks } from '../../store/blocks';
import { findClaim } from '../../store/claims';
import type { Agent } from '../../store/collections/agents';
import { listContacts } from '../../store/contacts';
import { listConversations } from '../../store/conversations';
import type { Database } from '../../store/database';
import { getGroupOf } from '../../store/groups';
import { shareConversation } from '../../store/watch/acquaintance';
import { readEvents } from '../../store/watch/events';
import { readWatchedMessages } from '../../store/watch/messages';
import { issueTicket } from '../../store/watch/tickets';
import { presentGroupDetail } from '../presenters/group';
import { presentPresence } from '../presenters/presence';
import {
  presentWatchedBlock,
  presentWatchedContact,
  presentWatchedConversation,
  presentWatchedEvent,
  presentWatchedMessage,
  presentWatchedProfile,
} from '../presenters/watched';
import type { PresenceService } from '../realtime/presence';
import { ownerRoute, type OwnerContext, type Reply, type Route } from '../route';
import { findShownPresence, UNKNOWN_PRESENCE } from '../shown-presence';
import { findAccount } from '../targets';
import { ownAgent } from './dashboard-agents';

export interface WatchRouteDeps {
  database: Database;
  agents: AgentReader;
  presence: PresenceService;
  publicBaseUrl: string;
}

/** A request about an agent that is its owner's. */
type WatchContext = OwnerContext & { agent: Agent };

type Handler = (ctx: WatchContext, deps: WatchRouteDeps) => Promise<Reply>;

/** What owners see of their agents: dashboard.md §5 to §7. Everything here only reads, and reads what the agent could. */
export function watchRoutes(deps: WatchRouteDeps): Route[] {
  const ofAgent = (endpoint: Endpoint, handle: Handler): Route =>
    ownerRoute(endpoint, async (ctx) => handle({ ...ctx, agent: await ownAgent(deps.database, ctx) }, deps));
  return [
    ofAgent(watchConversations, conversations),
    ofAgent(watchMessages, messages),
    ofAgent(watchContacts, contacts),
    ofAgent(watchBlocks, blocks),
    ofAgent(watchEvents, events),
    ofAgent(watchPresence, presence),
    ofAgent(watchProfile, profile),
    ofAgent(watchGroup, group),
    ownerRoute(takeTicket, (ctx) => ticket(ctx, deps)),
  ];
}

const queryOf = (ctx: OwnerContext): Record<string, string> => Object.fromEntries(ctx.query);

const conversations: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(watchedConversationsQuerySchema, queryOf(ctx));
  const rows = await listConversations(database, ctx.agent._id, page, ctx.now);
  const shown = rows.map((row) => presentWatchedConversation(row, ctx.agent._id, publicBaseUrl));
  return { status: 200, body: { conversations: shown } };
};

const messages: Handler = async (ctx, { database, agents, publicBaseUrl }) => {
  const { conversationId, beforeSeq } = ctx.validate(watchedMessagesQuerySchema, queryOf(ctx));
  const page = { conversationId, ...(beforeSeq === undefined ? {} : { beforeSeq }) };
  const rows = await readWatchedMessages(database, agents, ctx.agent, page);
  const shown = rows.map((row) => presentWatchedMessage(row, publicBaseUrl));
  return { status: 200, json: `{"messages":[${shown.join(',')}]}` };
};

const contacts: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(watchedPageQuerySchema, queryOf(ctx));
  const { rows, total } = await listContacts(database, ctx.agent._id, page);
  const shown = rows.map((row) => presentWatchedContact(row, publicBaseUrl));
  return { status: 200, body: { contacts: shown, total, ...page } };
};

const blocks: Handler = async (ctx, { database, publicBaseUrl }) => {
  const page = ctx.validate(watchedPageQuerySchema, queryOf(ctx));
  const { rows, total } = await listBlocks(database, ctx.agent._id, page);
  const shown = rows.map((row) => presentWatchedBlock(row, publicBaseUrl));
  return { status: 200, body: { blocks: shown, total, ...page } };
};

const events: Handler = async (ctx, { database }) => {
  const { before, limit, includeMessages } = ctx.validate(watchedEventsQuerySchema, queryOf(ctx));
  // Behind now by as much as clocks of processes may differ: what was just recorded is part of the first page.
  const cursor = before === null ? { atMs: ctx.now.getTime() + FIRST_PAGE_MS, skip: 0 } : cursorOf(before);
  const page = await readEvents(database, ctx.agent._id, { cursor, limit, includeMessages, now: ctx.now });
  const next_before = page.next === null ? null : presentCursor(page.next);
  return { status: 200, body: { events: page.events.map(presentWatchedEvent), next_before } };
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
  return { status: 200, body: presentWatchedProfile(target, shown, publicBaseUrl) };
};

const group: Handler = async (ctx, deps) => {
  const { group: found } = await getGroupOf(deps.database, ctx.params.group_id ?? '', ctx.agent._id);
  return { status: 200, body: await presentGroupDetail(found, ctx.agent._id, deps) };
};

async function ticket({ owner }: OwnerContext, { database }: WatchRouteDeps): Promise<Reply> {
  const issued = await issueTicket(database, { ownerId: owner.id, sessionId: owner.sessionId });
  return { status: 200, body: { ticket: issued, expires_in: TICKET_SECONDS } };
}
