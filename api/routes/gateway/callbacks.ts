import { createCallbackSecret } from '../../../contract/endpoints-tasks';
import { AppError } from '../../../contract/errors';
import { newCallbackSecret } from '../../../platform/ids';
import {
  createCallbackSecrets,
  findCallbackSecret,
  setCallbackSecret,
  urlOwner,
} from '../../../store/gateway/callbacks';
import type { AccountPrincipal } from '../../../store/gateway/principals';
import type { CallbackSigner, GatewayExecution } from '../../../store/schema/collections/gateway';
import { requireReachable } from '../../http/reachable-url';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import type { GatewayDeps } from './gateway-deps';
import { refuseKey } from './keys';

/** Who is told that a task has ended: gateway.md §12.5. */
export function callbackRoutes(deps: GatewayDeps): Route[] {
  return [gatewayRoute(createCallbackSecret, (ctx) => createSecret(ctx, deps))];
}

/** The one before is worth nothing from the answer on: a callback is signed with what its owner has then. */
async function createSecret(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  refuseKey(ctx);
  const secret = newCallbackSecret();
  const sealed = createCallbackSecrets(deps.config.SECRET_KEYS).seal(ctx.owner.id, secret);
  await setCallbackSecret(deps.database, ctx.owner.id, sealed);
  return { status: 201, headers: { 'Cache-Control': 'no-store' }, body: { callback_secret: secret } };
}

const signerOf = ({ kind, key, ownerId }: AccountPrincipal): CallbackSigner =>
  kind === 'key' ? { kind: 'key', id: key.slice('key:'.length) } : { kind: 'owner', id: ownerId };

/**
 * Where the end of a task is told, as its row has it. Refused with the task: a callback that could never come must not be
 * found out by waiting for it.
 * @throws AppError VALIDATION_ERROR for a URL that is not public, or an owner who has no secret to check it with
 */
export async function callbackOf(
  principal: AccountPrincipal,
  url: string | undefined,
  { database, config }: GatewayDeps,
): Promise<Pick<GatewayExecution, 'callback'>> {
  if (url === undefined) return {};
  const rules = { allowHttp: config.WEBHOOK_ALLOW_HTTP, allowPrivate: config.WEBHOOK_ALLOW_PRIVATE };
  await requireReachable('callback_url', url, rules);
  const signer = signerOf(principal);
  if ((await findCallbackSecret(database, signer)) === null) {
    const fault = 'Make a secret with POST /api/callback-secret first';
    throw new AppError('VALIDATION_ERROR', { formErrors: [], fieldErrors: { callback_url: [fault] } });
  }
  const sealed = createCallbackSecrets(config.SECRET_KEYS).seal(urlOwner(signer), url);
  return { callback: { url: sealed, signer } };
}
