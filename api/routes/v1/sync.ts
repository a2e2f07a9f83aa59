import { ackMessages, syncMessages } from '../../../contract/endpoints';
import { ackSchema, syncQuerySchema } from '../../../contract/messages';
import type { AgentReader } from '../../../store/agents/agents';
import type { Committer } from '../../../store/sending/committer';
import type { Database } from '../../../store/schema/database';
import { positionOf } from '../../../store/schema/delivery-ids';
import { findInboxIn, readStored } from '../../../store/inbox/inbox';
import { presentRow } from '../../../presenters/message';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface SyncDeps {
  database: Database;
  agents: AgentReader;
  committer: Committer;
}

/** `GET /v1/messages/sync` and `POST /v1/messages/sync/ack`: messaging.md §9. */
export function syncRoutes(deps: SyncDeps): Route[] {
  return [agentRoute(syncMessages, (ctx) => sync(ctx, deps)), agentRoute(ackMessages, (ctx) => ack(ctx, deps))];
}

async function sync(ctx: AgentContext, deps: SyncDeps): Promise<Reply> {
  // Before any parameter is looked at: a fully paused agent sees an empty inbox, whatever it asks.
  if (ctx.agent.pausedByOwner === 'full') return { status: 200, json: '[]' };
  const { after, limit } = ctx.validate(syncQuerySchema, Object.fromEntries(ctx.query));
  const cursor = after === undefined || after === '' ? 0 : positionOf(after, ctx.agent._id, ctx.agent.inboxSalt);
  // A cursor that is not this agent's never means "from the beginning".
  if (cursor === null) return { status: 200, json: '[]' };
  return ctx.answerPage(async () => {
    const inbox = await findInboxIn(deps.database, ctx.agent._id);
    const page = { after: cursor, limit, includeMuted: true, writtenOff: inbox?.writtenOff };
    const rows = await readStored(deps.database, deps.agents, ctx.agent, page);
    return `[${rows.map(presentRow).join(',')}]`;
  });
}

async function ack(ctx: AgentContext, deps: SyncDeps): Promise<Reply> {
  if (ctx.agent.pausedByOwner === 'full') return { status: 200, body: { acked: 0 } };
  const body = ctx.validate(ackSchema, await ctx.readBody());
  const upTo = positionOf(body.last_delivery_id, ctx.agent._id, ctx.agent.inboxSalt);
  if (upTo === null) return { status: 200, body: { acked: 0 } };
  return { status: 200, body: { acked: await deps.committer.ackThrough({ recipientId: ctx.agent._id, upTo }) } };
}
