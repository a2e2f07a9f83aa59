import Koa from 'koa';
import type { BlobStore } from '../platform/blobs/blob-store';
import type { Clock } from '../platform/clock';
import type { Config } from '../platform/config';
import type { Logger } from '../platform/logger';
import { createAccessTokens } from '../platform/access-tokens';
import { createUrlSigner } from '../platform/signed-urls';
import type { Orders } from '../platform/bus';
import type { Metrics } from '../platform/metrics';
import type { AgentReader } from '../store/agents';
import type { Committer } from '../store/committer/committer';
import type { Database } from '../store/database';
import { createIdempotencyStore } from '../store/idempotency';
import { createWebhookSecrets } from '../store/webhook-secrets';
import type { Accounts } from './accounts';
import type { Avatars } from './avatars';
import type { Enforcement } from './enforcement';
import { authenticate } from './middleware/authenticate';
import { bodyGuard } from './middleware/body-guard';
import { callEndpoint } from './middleware/call-endpoint';
import { dashboardHeaders } from './middleware/dashboard-headers';
import { originRule } from './middleware/origin-rule';
import { ownerSession } from './middleware/owner-session';
import { catchErrors } from './middleware/catch-errors';
import { clientIp } from './middleware/client-ip';
import { cors } from './middleware/cors';
import { findRoute } from './middleware/find-route';
import { idempotency } from './middleware/idempotency';
import { observe } from './middleware/observe';
import { opsAuth } from './middleware/ops-auth';
import { addressLimit, callerLimits } from './middleware/rate-limits';
import { requestId } from './middleware/request-id';
import { targetPath } from './middleware/target-path';
import { tellOwner } from './middleware/tell-owner';
import { upgradeRequired } from './middleware/upgrade-required';
import type { Live } from './realtime/node';
import type { PresenceService } from './realtime/presence';
import type { Watch } from './realtime/watch';
import type { RateLimiter } from './rate-limiter';
import { accountRoutes } from './routes/account';
import { agentRoutes } from './routes/agents';
import { appPageRoutes } from './routes/app-page';
import { attachmentRoutes } from './routes/attachments';
import { avatarRoutes } from './routes/avatars';
import { uploadRoutes } from './routes/uploads';
import { blockRoutes } from './routes/blocks';
import { directoryRoutes } from './routes/directory';
import { dashboardAgentRoutes } from './routes/dashboard-agents';
import { dashboardAuthRoutes } from './routes/dashboard-auth';
import { pauseRoutes } from './routes/dashboard-pause';
import { contactRoutes } from './routes/contacts';
import { enforcementRoutes } from './routes/internal-enforcement';
import { historyRoutes } from './routes/history';
import { conversationRoutes } from './routes/conversations';
import { hideRoutes } from './routes/hides';
import { groupAvatarRoutes } from './routes/group-avatars';
import { groupMemberRoutes } from './routes/group-members';
import { groupRoutes } from './routes/groups';
import { internalRoutes } from './routes/internal';
import { keyRoutes } from './routes/keys';
import { messageRoutes } from './routes/messages';
import { metaRoutes, type Health } from './routes/meta';
import { muteRoutes } from './routes/mutes';
import { presenceRoutes } from './routes/presence';
import { deadLetterRoutes } from './routes/dead-letters';
import { operatorRoutes } from './routes/operators';
import { registerRoutes } from './routes/register';
import { readRoutes } from './routes/reads';
import { syncRoutes } from './routes/sync';
import { watchRoutes } from './routes/watch';
import { webhookRoutes } from './routes/webhooks';
import type { Route } from './route';
import type { ApiState } from './state';

export interface AppDeps {
  config: Config;
  database: Database;
  agents: AgentReader;
  committer: Committer;
  accounts: Accounts;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  live: Live;
  orders: Orders;
  presence: PresenceService;
  watch: Watch;
  startDeletion: (groupId: string) => Promise<void>;
  enforcement: Enforcement;
  limiter: RateLimiter;
  blobs: BlobStore;
  avatars: Avatars;
  health: Health;
}

/** Every route that this server answers. */
export function allRoutes(deps: AppDeps): Route[] {
  const publicBaseUrl = deps.config.PUBLIC_BASE_URL;
  const groups = { ...deps, publicBaseUrl, addMode: deps.config.GROUP_ADD_MODE };
  const files = { ...deps, publicBaseUrl, signer: createUrlSigner(deps.config.SECRET_KEYS) };
  return [
    ...metaRoutes({ publicBaseUrl, health: deps.health }),
    ...appPageRoutes({ publicBaseUrl, isProduction: deps.config.NODE_ENV === 'production' }),
    ...operatorRoutes(deps),
    ...deadLetterRoutes(deps),
    ...internalRoutes({ metrics: deps.metrics, metricsToken: deps.config.METRICS_TOKEN }),
    ...enforcementRoutes(deps),
    ...registerRoutes({ registration: deps.accounts.registration, publicBaseUrl }),
    ...keyRoutes(deps.accounts),
    ...accountRoutes(deps.accounts),
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
    ...webhookRoutes({ database: deps.database, ...webhookOptions(deps.config) }),
    ...dashboardAuthRoutes({ database: deps.database, signIn: deps.accounts.signIn, publicBaseUrl }),
    ...dashboardAgentRoutes({ ...deps, ...deps.accounts, publicBaseUrl }),
    ...watchRoutes({ ...deps, publicBaseUrl }),
    ...pauseRoutes({ ...deps, ...deps.accounts }),
  ];
}

function webhookOptions(config: Config) {
  const urlRules = { allowHttp: config.WEBHOOK_ALLOW_HTTP, allowPrivate: config.WEBHOOK_ALLOW_PRIVATE };
  return { secrets: createWebhookSecrets(config.SECRET_KEYS), urlRules };
}

export function createApp(deps: AppDeps): Koa<ApiState> {
  return createPipeline(deps, allRoutes(deps));
}

export type PipelineDeps = Pick<AppDeps, 'config' | 'database' | 'agents' | 'clock' | 'log' | 'metrics' | 'limiter'> &
  Partial<Pick<AppDeps, 'watch'>>;

/** The pipeline around `routes`, in the order of conventions.md §2, which callers can observe. */
export function createPipeline(deps: PipelineDeps, routes: Route[]): Koa<ApiState> {
  const { config, log, limiter } = deps;
  const app = new Koa<ApiState>();
  app.use(requestId);
  app.use(observe({ log, metrics: deps.metrics }));
  app.use(dashboardHeaders);
  app.use(catchErrors(log));
  app.use(targetPath);
  app.use(cors({ origins: config.CORS_ORIGINS, dashboardOrigins: config.DASHBOARD_ORIGINS }));
  app.use(upgradeRequired);
  app.use(opsAuth({ token: config.OPS_ADMIN_TOKEN }));
  app.use(findRoute(routes));
  app.use(clientIp({ trustedHeader: config.TRUSTED_IP_HEADER, trustProxy: config.TRUST_PROXY }));
  app.use(addressLimit(limiter));
  app.use(originRule({ publicBaseUrl: config.PUBLIC_BASE_URL, allowed: config.DASHBOARD_ORIGINS }));
  app.use(authenticate(deps.agents));
  const accessTokens = createAccessTokens(config.SECRET_KEYS);
  app.use(ownerSession({ ...deps, accessTokens }));
  app.use(callerLimits(limiter));
  app.use(bodyGuard);
  app.use(idempotency({ store: createIdempotencyStore(deps.database, config.SECRET_KEYS), log }));
  if (deps.watch !== undefined) app.use(tellOwner(deps.watch));
  app.use(callEndpoint(deps));
  // Only faults of writing the response get here: the pipeline has answered everything else.
  app.on('error', (error: unknown) => log.debug({ event: 'response.failed', err: error }));
  return app;
}
