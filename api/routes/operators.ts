import { auditQuerySchema, rotateSystemKeySchema } from '../../contract/audit';
import type { AuditAction } from '../../contract/audit-actions';
import { listAuditEvents, rotateSystemKey } from '../../contract/endpoints-operators';
import { AppError } from '../../contract/errors';
import type { Orders } from '../../platform/bus';
import { hashApiKey, newApiKey } from '../../platform/ids';
import type { Logger } from '../../platform/logger';
import type { AgentReader } from '../../store/agents';
import { listAudit, type AuditQuery } from '../../store/audit';
import type { AuditEvent } from '../../store/collections/audit';
import type { Database } from '../../store/database';
import { swapKey } from '../../store/transactions/swap-key';
import { closeSockets } from '../key-swap';
import { operatorOf } from '../operator';
import type { RateLimiter } from '../rate-limiter';
import { publicRoute, type Reply, type RequestContext, type Route } from '../route';
import { findAccount } from '../targets';

export interface OperatorDeps {
  database: Database;
  agents: AgentReader;
  orders: Orders;
  limiter: RateLimiter;
  log: Logger;
}

/** Operators and accounts: identity.md §15; the gate is `opsAuth`, before routing. */
export function operatorRoutes(deps: OperatorDeps): Route[] {
  return [
    publicRoute(rotateSystemKey, (ctx) => rotate(ctx, deps)),
    publicRoute(listAuditEvents, (ctx) => list(ctx, deps)),
  ];
}

/** As any key swap (identity.md §12); dying before the order, the nodes' own checks close the sockets within seconds. */
async function rotate(ctx: RequestContext, deps: OperatorDeps): Promise<Reply> {
  await deps.limiter.countService('ops_rotate');
  const { handle } = ctx.validate(rotateSystemKeySchema, await ctx.readBody());
  const agent = await findAccount(deps.agents, handle);
  if (agent === null || !agent.isSystem) throw new AppError('NOT_A_SYSTEM_AGENT');
  const apiKey = newApiKey();
  // Nobody owns a system agent.
  const { exOwnerId: _, ...swapped } = await swapKey(deps.database, {
    agentId: agent._id,
    apiKeyHash: hashApiKey(apiKey),
    actor: operatorOf(ctx),
    at: ctx.now,
  });
  await closeSockets(deps, { ...swapped, reason: 'System agent key rotated' });
  return { status: 200, body: { handle: agent.handle, api_key: apiKey } };
}

async function list(ctx: RequestContext, { database, agents }: OperatorDeps): Promise<Reply> {
  const { handle, action, before, limit } = ctx.validate(auditQuerySchema, Object.fromEntries(ctx.query));
  const of = handle === undefined ? ofAction(action) : await ofAccount(handle, agents);
  const events = await listAudit(database, {
    of,
    limit,
    ...(before === undefined ? {} : { before: cursorOf(before) }),
  });
  const last = events.length < limit ? undefined : events.at(-1);
  const next_before = last === undefined ? null : `${last.createdAt.toISOString()},${last._id}`;
  return { status: 200, body: { events: events.map(presentEvent), next_before } };
}

/** Deleted accounts too: their events stay. */
async function ofAccount(handle: string, agents: AgentReader): Promise<AuditQuery['of']> {
  const agent = await findAccount(agents, handle);
  if (agent === null) throw new AppError('AGENT_NOT_FOUND');
  return { targetId: agent._id };
}

const ofAction = (action: AuditAction | undefined): AuditQuery['of'] => (action === undefined ? {} : { action });

/** `<time>,<event id>`, already checked. A day that no calendar has is as bad as no time. */
function cursorOf(before: string): NonNullable<AuditQuery['before']> {
  const [time = '', id = ''] = before.split(',');
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) throw new AppError('VALIDATION_ERROR');
  return { at, id };
}

function presentEvent(event: AuditEvent): object {
  return {
    id: event._id,
    actor_type: event.actorType,
    actor_id: event.actorId,
    action: event.action,
    target_id: event.targetId,
    metadata: event.metadata,
    created_at: event.createdAt.toISOString(),
  };
}
