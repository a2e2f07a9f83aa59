import { markMessageRead } from '../../../contract/endpoints-conversations';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import { deliveryId } from '../../../store/schema/delivery-ids';
import { loadGroupCards, UNKNOWN_SENDER } from '../../../store/inbox/inbox';
import { createMarkRead, type MarkRead } from '../../../store/conversations/read-messages';
import { presentMessage } from '../../../presenters/message';
import type { Live } from '../../realtime/broadcast/live';
import { broadcastReceipts } from '../../realtime/broadcast/read-receipts';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface ReadDeps {
  database: Database;
  agents: AgentReader;
  live: Live;
}

/** `POST /v1/messages/:id/read`: messaging.md §10.1. */
export function readRoutes(deps: ReadDeps): Route[] {
  const markRead = createMarkRead(deps.database);
  return [agentRoute(markMessageRead, (ctx) => read(ctx, deps, markRead))];
}

async function read(ctx: AgentContext, { database, agents, live }: ReadDeps, markRead: MarkRead): Promise<Reply> {
  const { agent } = ctx;
  const { message, envelope, receipts } = await markRead(agent, ctx.params.id ?? '', ctx.now, agent);
  broadcastReceipts(live, receipts);
  const { conversationId } = message;
  const [cards, groups] = await Promise.all([
    agents.loadCards([message.senderId]),
    loadGroupCards(database, [conversationId]),
  ]);
  const shown = { ...envelope, deliveryId: deliveryId(agent._id, agent.inboxSalt, envelope.position) };
  const json = presentMessage(
    message,
    cards.get(message.senderId) ?? UNKNOWN_SENDER,
    shown,
    groups.get(conversationId) ?? null,
  );
  return { status: 200, json: `${json.slice(0, -1)},"ok":true}` };
}
