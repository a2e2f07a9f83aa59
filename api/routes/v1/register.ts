import { register, registerVerify } from '../../../contract/endpoints';
import { registerSchema, verifySchema } from '../../../contract/registration';
import { presentSelf } from '../../../presenters/self';
import type { Commands } from '../../commands/commands';
import { publicRoute, type Route } from '../../http/route';

/** `POST /v1/register` and `/v1/register/verify`: identity.md §3, §4. */
export function registerRoutes(deps: { commands: Commands; publicBaseUrl: string }): Route[] {
  return [
    publicRoute(register, async (ctx) => {
      const body = ctx.validate(registerSchema, await ctx.readBody());
      const pendingId = await deps.commands.registration.start({
        email: body.email,
        handle: body.handle,
        displayName: body.display_name,
        description: body.description,
      });
      return {
        status: 200,
        body: {
          pending_id: pendingId,
          message: 'A verification code was sent. It is valid for 10 minutes.',
          status: 'pending',
          next_step: 'verify',
        },
      };
    }),
    publicRoute(registerVerify, async (ctx) => {
      const body = ctx.validate(verifySchema, await ctx.readBody());
      const { agent, apiKey } = await deps.commands.registration.verify(body.pending_id, body.code);
      const self = presentSelf(agent, deps.publicBaseUrl);
      return { status: 201, body: { agent: self, api_key: apiKey, status: 'completed', next_step: 'done' } };
    }),
  ];
}
