import type { PresenceService } from '../../realtime/presence/presence';
import type { Route } from '../../http/route';
import { activityRoutes } from './activity';
import { gatewayAgentRoutes } from './agents';
import { callbackRoutes } from './callbacks';
import { chatRoutes } from './chat';
import { conversationViewRoutes } from './conversations';
import { executionRoutes } from './executions';
import type { GatewayDeps } from './gateway-deps';
import { inboxRoutes } from './inbox';
import { keyRoutes } from './keys';
import { linkRoutes } from './links';
import { paidRoutes, type PaidDeps } from './paid';
import { paymentRoutes } from './payments';
import { sessionRoutes } from './sessions';
import { gatewaySignInRoutes } from './sign-in';
import { taskRoutes } from './tasks';
import { teamChatRoutes } from './team-chat';
import { teamRoutes } from './teams';
import { turnSlotRoutes } from './turn-slots';
import { voiceRoutes, type VoiceRouteDeps } from './voice';

/** Every route of the chat gateway. */
export function gatewayRoutes(deps: GatewayDeps & PaidDeps & VoiceRouteDeps & { presence: PresenceService }): Route[] {
  const routes = [
    ...gatewaySignInRoutes(deps),
    ...gatewayAgentRoutes(deps),
    ...activityRoutes(deps),
    ...chatRoutes(deps),
    ...sessionRoutes(deps),
    ...executionRoutes(deps),
    ...taskRoutes(deps),
    ...callbackRoutes(deps),
    ...keyRoutes(deps),
    ...conversationViewRoutes(deps),
    ...inboxRoutes(deps),
    ...teamRoutes(deps),
    ...teamChatRoutes(deps),
    ...linkRoutes(deps),
    ...paymentRoutes(deps),
    ...paidRoutes(deps),
    ...turnSlotRoutes(deps),
    ...voiceRoutes(deps),
  ];
  // Their twins are always there (gateway.md §16).
  return deps.config.GATEWAY_BARE_PATHS ? routes : routes.filter(({ endpoint }) => endpoint.path.startsWith('/api/'));
}
