import { hideMessage } from '../../../contract/endpoints-conversations';
import type { Database } from '../../../store/schema/database';
import { hideMessageFor } from '../../../store/conversations/hide-message';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface HideDeps {
  database: Database;
}

/** `DELETE /v1/messages/:id`: messaging.md §10.2. */
export function hideRoutes(deps: HideDeps): Route[] {
  return [agentRoute(hideMessage, (ctx) => hide(ctx, deps))];
}

async function hide(ctx: AgentContext, { database }: HideDeps): Promise<Reply> {
  await hideMessageFor(database, ctx.agent._id, ctx.params.id ?? '', ctx.now, ctx.agent);
  return { status: 200, body: { message: 'The message is hidden for you' } };
}
