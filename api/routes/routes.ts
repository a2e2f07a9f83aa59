import type { Orders } from '../../platform/bus';
import type { BlobStore } from '../../platform/blobs/blob-store';
import type { Clock } from '../../platform/clock';
import type { Config } from '../../platform/config';
import type { Logger } from '../../platform/logger';
import type { Flows } from '../../platform/flows/flows';
import type { Metrics } from '../../platform/metrics';
import type { AgentReader } from '../../store/agents/agents';
import { openFacilitator } from '../../store/gateway/open-facilitator';
import { createPaymentSeal } from '../../store/gateway/payments';
import type { Reach } from '../../store/schema/reach';
import type { Database } from '../../store/schema/database';
import type { Committer } from '../../store/sending/committer';
import type { Enforcement } from '../commands/enforce-agent';
import type { Avatars } from '../commands/store-avatar';
import type { RateLimiter } from '../http/rate-limiter';
import type { Route } from '../http/route';
import type { Live } from '../realtime/broadcast/live';
import { createAnswerFiles } from '../turns/answer-files';
import { createTurnReads } from '../turns/read-turns';
import type { Turns } from '../turns/turns';
import type { Voices } from '../voice/voices';
import type { PresenceService } from '../realtime/presence/presence';
import { createUrlSigner } from '../../platform/signed-urls';
import { createWebhookSecrets } from '../../store/webhooks/webhook-secrets';
import type { Commands } from '../commands/commands';
import { accountRoutes } from './v1/account';
import { agentRoutes } from './v1/agents';
import { appPageRoutes } from './app-page';
import { attachmentRoutes } from './v1/attachments';
import { avatarRoutes } from './v1/avatars';
import { uploadRoutes } from './v1/uploads';
import { blockRoutes } from './v1/blocks';
import { directoryRoutes } from './v1/directory';
import { dashboardAgentRoutes } from './dashboard/agents';
import { dashboardAuthRoutes } from './dashboard/auth';
import { pauseRoutes } from './dashboard/pause';
import { contactRoutes } from './v1/contacts';
import { enforcementRoutes } from './internal/enforcement';
import { facilitatorRoutes } from './facilitator';
import { historyRoutes } from './v1/history';
import { conversationRoutes } from './v1/conversations';
import { hideRoutes } from './v1/hides';
import { groupAvatarRoutes } from './v1/group-avatars';
import { groupMemberRoutes } from './v1/group-members';
import { groupRoutes } from './v1/groups';
import { internalRoutes } from './internal/metrics';
import { keyRoutes } from './v1/keys';
import { messageRoutes } from './v1/messages';
import { metaRoutes, type Health } from './meta';
import { muteRoutes } from './v1/mutes';
import { presenceRoutes } from './v1/presence';
import { deadLetterRoutes } from './internal/dead-letters';
import { failedRowRoutes } from './internal/failed-rows';
import { operatorRoutes } from './internal/operators';
import { registerRoutes } from './v1/register';
import { readRoutes } from './v1/reads';
import { syncRoutes } from './v1/sync';
import { ownerViewRoutes } from './dashboard/views';
import { ownerWebhookRoutes } from './dashboard/webhooks';
import { gatewayRoutes } from './gateway/routes';
import { publicRoutes } from './public/routes';
import { agentTurnRoutes } from './v1/gateway-turns';
import { webhookLogRoutes } from './v1/webhook-log';
import { webhookRecoveryRoutes } from './v1/webhook-recovery';
import { webhookSettingsRoutes } from './v1/webhook-settings';
import { webhookTestRoutes } from './v1/webhook-tests';
import { webhookRoutes } from './v1/webhooks';

/** What the handlers of all routes need. */
export interface RouteDeps {
  config: Config;
  database: Database;
  agents: AgentReader;
  committer: Committer;
  commands: Commands;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  live: Live;
  reach: Reach;
  orders: Orders;
  presence: PresenceService;
  enforcement: Enforcement;
  limiter: RateLimiter;
  blobs: BlobStore;
  avatars: Avatars;
  turns: Turns;
  voices: Voices;
  /** Of paid chat: asks for what is withheld. Of webhooks: tries an endpoint. */
  flows: Pick<Flows, 'askSettlement' | 'tryEndpoint'>;
  health: Health;
}

/** Every route that this server answers. */
export function allRoutes(deps: RouteDeps): Route[] {
  const publicBaseUrl = deps.config.PUBLIC_BASE_URL;
  const groups = { ...deps, publicBaseUrl, addMode: deps.config.GROUP_ADD_MODE };
  const facilitator = openFacilitator({ ...deps, facilitator: deps.config.X402_FACILITATOR });
  const files = { ...deps, publicBaseUrl, signer: createUrlSigner(deps.config.SECRET_KEYS) };
  const turnDeps = { ...deps, reads: createTurnReads(deps), filesOf: createAnswerFiles(files) };
  return [
    ...metaRoutes({ publicBaseUrl, health: deps.health }),
    ...appPageRoutes({ publicBaseUrl, isProduction: deps.config.NODE_ENV === 'production' }),
    ...operatorRoutes(deps),
    ...deadLetterRoutes(deps),
    ...failedRowRoutes(deps),
    ...internalRoutes({ metrics: deps.metrics, metricsToken: deps.config.METRICS_TOKEN }),
    ...enforcementRoutes(deps),
    ...registerRoutes({ ...deps, publicBaseUrl }),
    ...keyRoutes(deps),
    ...accountRoutes(deps),
    ...agentRoutes({ ...deps, publicBaseUrl }),
    ...avatarRoutes({ ...deps, publicBaseUrl }),
    ...directoryRoutes({ ...deps, publicBaseUrl, requiresAuth: deps.config.DIRECTORY_REQUIRE_AUTH }),
    ...uploadRoutes(files),
    ...attachmentRoutes(files),
    ...messageRoutes(deps),
    ...syncRoutes(deps),
    ...historyRoutes(deps),
    ...readRoutes(deps),
    ...hideRoutes(deps),
    ...conversationRoutes({ ...deps, publicBaseUrl }),
    ...contactRoutes({ ...deps, publicBaseUrl }),
    ...blockRoutes(deps),
    ...groupRoutes(groups),
    ...groupMemberRoutes(groups),
    ...groupAvatarRoutes(groups),
    ...muteRoutes(deps),
    ...presenceRoutes(deps),
    ...webhooksOf(deps),
    ...dashboardAuthRoutes({ ...deps, publicBaseUrl }),
    ...dashboardAgentRoutes({ ...deps, publicBaseUrl }),
    ...ownerViewRoutes({ ...deps, publicBaseUrl }),
    ...pauseRoutes(deps),
    ...agentTurnRoutes(deps),
    ...gatewayRoutes({ ...turnDeps, facilitator, seal: createPaymentSeal(deps.config.SECRET_KEYS) }),
    ...publicRoutes(turnDeps),
    ...(facilitator === null || deps.config.X402_FACILITATOR !== 'local'
      ? []
      : facilitatorRoutes({ ...deps, facilitator })),
  ];
}

function webhooksOf({ config, database, flows, agents, log }: RouteDeps): Route[] {
  const urlRules = { allowHttp: config.WEBHOOK_ALLOW_HTTP, allowPrivate: config.WEBHOOK_ALLOW_PRIVATE };
  const deps = { database, flows, secrets: createWebhookSecrets(config.SECRET_KEYS), urlRules };
  return [
    ...webhookRoutes(deps),
    ...webhookLogRoutes(deps),
    ...webhookRecoveryRoutes({ database, agents }),
    ...webhookSettingsRoutes(deps),
    ...webhookTestRoutes(deps),
    ...ownerWebhookRoutes({ ...deps, log }),
  ];
}
