import { readMessages } from '../../contract/endpoints-conversations';
import { historyQuerySchema } from '../../contract/conversations';
import type { AgentReader } from '../../store/agents';
import type { Database } from '../../store/database';
import { readHistory, type HistoryRow } from '../../store/history';
import { presentMessage, STORED } from '../../presenters/message';
import { agentRoute, type AgentContext, type Reply, type Route } from '../route';

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
  const rows = await readHistory(database, agents, ctx.agent, {
    conversationId: ctx.params.conversation_id ?? '',
    ...query,
  });
  return { status: 200, json: `[${rows.map(presentHistoryRow).join(',')}]` };
}

function presentHistoryRow({ message, sender, envelope, deliveryId, group }: HistoryRow): string {
  return presentMessage(message, sender, { ...(envelope ?? STORED), deliveryId }, group);
}
