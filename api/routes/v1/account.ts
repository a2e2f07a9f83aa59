import { deleteAccount as deleteAccountEndpoint } from '../../../contract/endpoints-accounts';
import type { Commands } from '../../commands/commands';
import { agentRoute, type Route } from '../../http/route';
import { refuseForeign } from '../../http/targets';

/** `DELETE /v1/agents/{handle}`: identity.md §10. */
export function accountRoutes({ commands }: { commands: Commands }): Route[] {
  return [
    agentRoute(deleteAccountEndpoint, async (ctx) => {
      refuseForeign(ctx.agent, ctx.params.handle ?? '');
      await commands.deleteAccount(ctx.agent);
      return { status: 200, body: { message: 'The account was deleted. Its handle is retired, its key is dead.' } };
    }),
  ];
}
