import { recoverKey, recoverKeyVerify, rotateKey, rotateKeyVerify } from '../../../contract/endpoints-accounts';
import { recoverSchema } from '../../../contract/keys';
import { verifySchema } from '../../../contract/registration';
import { presentWebhookInForce } from '../../../presenters/webhook';
import type { VerifiedKey } from '../../commands/swap-key';
import type { Commands } from '../../commands/commands';
import { agentRoute, publicRoute, type Reply, type Route } from '../../http/route';
import { refuseForeign } from '../../http/targets';

/** Key recovery and rotation: identity.md §5, §6, §11, §12. */
export function keyRoutes({ commands: { recovery, rotation } }: { commands: Commands }): Route[] {
  return [
    publicRoute(recoverKey, async (ctx) => {
      const { email, handle } = ctx.validate(recoverSchema, await ctx.readBody());
      const pendingId = await recovery.start(email, handle);
      const message =
        'If this email backs an agent, a verification code is on its way. It is valid for 10 minutes at most.';
      return { status: 200, body: { ...started(pendingId, message), status: 'pending', next_step: 'verify' } };
    }),
    publicRoute(recoverKeyVerify, async (ctx) => {
      const body = ctx.validate(verifySchema, await ctx.readBody());
      return shown(await recovery.verify(body.pending_id, body.code));
    }),
    agentRoute(rotateKey, async (ctx) => {
      refuseForeign(ctx.agent, ctx.params.handle ?? '');
      const pendingId = await rotation.start(ctx.agent);
      const message = 'A verification code was sent. It is valid for 10 minutes; the current key works until then.';
      return { status: 200, body: started(pendingId, message) };
    }),
    agentRoute(rotateKeyVerify, async (ctx) => {
      refuseForeign(ctx.agent, ctx.params.handle ?? '');
      const body = ctx.validate(verifySchema, await ctx.readBody());
      return shown(await rotation.verify(ctx.agent, body.pending_id, body.code));
    }),
  ];
}

const started = (pendingId: string, message: string) => ({ pending_id: pendingId, message });

function shown({ handle, apiKey, webhooks }: VerifiedKey): Reply {
  return { status: 200, body: { handle, api_key: apiKey, webhooks: webhooks.map(presentWebhookInForce) } };
}
