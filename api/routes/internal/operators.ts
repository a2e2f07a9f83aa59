import { auditQuerySchema, rotateSystemKeySchema } from '../../../contract/audit';
import type { AuditAction } from '../../../contract/audit-actions';
import { listAuditEvents, rotateSystemKey as rotateEndpoint } from '../../../contract/endpoints-operators';
import { AppError } from '../../../contract/errors';
import type { AgentReader } from '../../../store/agents/agents';
import { listAudit, type AuditQuery } from '../../../store/schema/audit';
import type { AuditEvent } from '../../../store/schema/collections/audit';
import { rotateSystemKey, type RotateSystemKeyDeps } from '../../commands/rotate-system-key';
import { operatorOf } from '../../http/operator';
import type { RateLimiter } from '../../http/rate-limiter';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import { findAccount } from '../../http/targets';

export interface OperatorDeps extends RotateSystemKeyDeps {
  limiter: RateLimiter;
}

/** Operators and accounts: identity.md §15; the gate is `opsAuth`, before routing. */
export function operatorRoutes(deps: OperatorDeps): Route[] {
  return [
    publicRoute(rotateEndpoint, (ctx) => rotate(ctx, deps)),
    publicRoute(listAuditEvents, (ctx) => list(ctx, deps)),
  ];
}

async function rotate(ctx: RequestContext, deps: OperatorDeps): Promise<Reply> {
  await deps.limiter.countService('ops_rotate');
  const body = ctx.validate(rotateSystemKeySchema, await ctx.readBody());
  const { handle, apiKey } = await rotateSystemKey(deps, body.handle, { actor: operatorOf(ctx), at: ctx.now });
  return { status: 200, body: { handle, api_key: apiKey } };
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
