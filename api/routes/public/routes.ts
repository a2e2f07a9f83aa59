import type { Route } from '../../http/route';
import type { GatewayDeps } from '../gateway/gateway-deps';
import { publicChatRoutes } from './chat';
import { publicExecutionRoutes } from './executions';
import { publicSessionRoutes } from './sessions';
import { visitorProofRoutes } from './verify';

/** Every route of the public chat. */
export function publicRoutes(deps: GatewayDeps): Route[] {
  return [
    ...publicChatRoutes(deps),
    ...publicSessionRoutes(deps),
    ...publicExecutionRoutes(deps),
    ...visitorProofRoutes(deps),
  ];
}
