import { deleteAccount as deleteAccountEndpoint } from '../../contract/endpoints-accounts';
import type { DeleteAccount } from '../account-deletion';
import { agentRoute, type Route } from '../route';
import { refuseForeign } from '../targets';

/** `DELETE /v1/agents/{handle}`: identity.md §10. */
export function accountRoutes({ deleteAccount }: { deleteAccount: DeleteAccount }): Route[] {
  return [
    agentRoute(deleteAccountEndpoint, async (ctx) => {
      refuseForeign(ctx.agent, ctx.params.handle ?? '');
      await deleteAccount(ctx.agent);
      return { status: 200, body: { message: 'The account was deleted. Its handle is retired, its key is dead.' } };
    }),
  ];
}
