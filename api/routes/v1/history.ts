import { readMessages } from '../../../contract/endpoints-conversations';
import { historyQuerySchema } from '../../../contract/conversations';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import { readHistory, type HistoryRow } from '../../../store/conversations/history';
import { presentMessage, STORED } from '../../../presenters/message';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface HistoryDeps {
  database: Database;
  agents: AgentReader;
}

/** `GET /v1/messages/:conversation_id`: messaging.md §8. */
export function historyRoutes(deps: HistoryDeps): Route[] {
  return [agentRoute(readMessages, (ctx) => history(ctx, deps))];
}

async function history(ctx: AgentContext, { database, agents }: HistoryDeps): Promise<Reply> {
  const query = ctx.validate(historyQuerySchema, Object.fromEntries(ctx.query));
  const page = { conversationId: ctx.params.conversation_id ?? '', ...query };
  return ctx.answerPage(async () => {
    const rows = await readHistory(database, agents, ctx.agent, page);
    return `[${rows.map(presentHistoryRow).join(',')}]`;
  });
}

function presentHistoryRow({ message, sender, envelope, deliveryId, group }: HistoryRow): string {
  return presentMessage(message, sender, { ...(envelope ?? STORED), deliveryId }, group);
}
