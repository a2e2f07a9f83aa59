import { randomBytes } from 'node:crypto';
import { createKey, deleteKey, listKeys } from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { createKeySchema } from '../../../contract/gateway';
import { hashApiKey, newCallbackSecret, newGatewayId } from '../../../platform/ids';
import { presentKey } from '../../../presenters/gateway';
import { createCallbackSecrets } from '../../../store/gateway/callbacks';
import { deleteKey as removeKey, insertKey, listKeys as readKeys } from '../../../store/gateway/keys';
import type { GatewayKey } from '../../../store/schema/collections/gateway';
import { GATEWAY_KEY_PREFIX } from '../../gates/require-principal';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import { findTeam } from '../../turns/find-team';
import type { GatewayDeps } from './gateway-deps';

/** Keys of applications: gateway.md §2. A key never manages keys. */
export function keyRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(createKey, (ctx) => create(ctx, deps)),
    gatewayRoute(listKeys, async (ctx) => {
      refuseKey(ctx);
      const keys = await readKeys(deps.database, ctx.owner.id);
      return { status: 200, json: JSON.stringify(keys.map(presentKey)) };
    }),
    gatewayRoute(deleteKey, async (ctx) => {
      refuseKey(ctx);
      if (!(await removeKey(deps.database, ctx.owner.id, ctx.params.id ?? ''))) throw new AppError('NOT_FOUND');
      return { status: 204, isEmpty: true };
    }),
  ];
}

/** Characters of a key that its owner is shown later. */
const SHOWN_LENGTH = 12;

async function create(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  refuseKey(ctx);
  const { name, agent_id: agentName, team_id: teamId } = ctx.validate(createKeySchema, await ctx.readBody());
  if (agentName !== undefined && teamId !== undefined) {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'A key is for one agent or one team');
  }
  const team = teamId === undefined ? null : await findTeam(deps.database, ctx.principal, teamId);
  const found = agentName === undefined ? null : await findGatewayAgent(deps, ctx.principal, agentName);
  const id = newGatewayId('key');
  const key = GATEWAY_KEY_PREFIX + randomBytes(32).toString('base64url');
  const callbackSecret = newCallbackSecret();
  const row: GatewayKey = {
    _id: id,
    ownerId: ctx.owner.id,
    name,
    keyHash: hashApiKey(key),
    keyPrefix: key.slice(0, SHOWN_LENGTH),
    agentId: found?.agent._id ?? null,
    ...(team === null ? {} : { teamId: team._id }),
    callbackSecret: createCallbackSecrets(deps.config.SECRET_KEYS).seal(id, callbackSecret),
    createdAt: ctx.now,
    lastUsedAt: null,
  };
  await insertKey(deps.database, row);
  const { last_used_at: _, ...view } = presentKey(row);
  return {
    status: 201,
    headers: { 'Cache-Control': 'no-store' },
    body: { ...view, key, callback_secret: callbackSecret },
  };
}

export function refuseKey({ principal }: GatewayContext): void {
  if (principal.kind === 'key') throw new AppError('FORBIDDEN', undefined, undefined, 'A key cannot manage keys');
}
