import { conversationsQuerySchema } from '../../../contract/conversations';
import {
  getConversationContext,
  hideConversation as hideConversationEndpoint,
  listConversations as listConversationsEndpoint,
  listParticipants as listParticipantsEndpoint,
} from '../../../contract/endpoints-conversations';
import { describeConversation, listParticipants } from '../../../store/conversations/conversation-context';
import { listConversations } from '../../../store/conversations/conversations';
import type { Database } from '../../../store/schema/database';
import { hideConversation } from '../../../store/conversations/hide-conversation';
import { presentConversation, presentConversationContext, presentPerson } from '../../../presenters/conversation';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface ConversationDeps {
  database: Database;
  publicBaseUrl: string;
}

/** The caller's conversations: messaging.md §11. */
export function conversationRoutes(deps: ConversationDeps): Route[] {
  return [
    agentRoute(listConversationsEndpoint, (ctx) => list(ctx, deps)),
    agentRoute(listParticipantsEndpoint, (ctx) => participants(ctx, deps)),
    agentRoute(getConversationContext, (ctx) => context(ctx, deps)),
    agentRoute(hideConversationEndpoint, (ctx) => hide(ctx, deps)),
  ];
}

async function list(ctx: AgentContext, { database, publicBaseUrl }: ConversationDeps): Promise<Reply> {
  const page = ctx.validate(conversationsQuerySchema, Object.fromEntries(ctx.query));
  const rows = await listConversations(database, ctx.agent._id, page, ctx.now);
  return { status: 200, body: rows.map((row) => presentConversation(row, ctx.agent._id, publicBaseUrl)) };
}

async function participants(ctx: AgentContext, { database, publicBaseUrl }: ConversationDeps): Promise<Reply> {
  const profiles = await listParticipants(database, ctx.agent._id, ctx.params.id ?? '');
  return { status: 200, body: profiles.map((profile) => presentPerson(profile, publicBaseUrl)) };
}

async function context(ctx: AgentContext, { database, publicBaseUrl }: ConversationDeps): Promise<Reply> {
  const found = await describeConversation(database, ctx.agent._id, ctx.params.id ?? '');
  return { status: 200, body: presentConversationContext(found, publicBaseUrl) };
}

async function hide(ctx: AgentContext, { database }: ConversationDeps): Promise<Reply> {
  await hideConversation(database, ctx.agent._id, ctx.params.id ?? '', ctx.agent);
  return { status: 200, body: { ok: true, hidden: true } };
}
