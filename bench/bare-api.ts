import { createPipeline } from '../api/app';
import { createRateLimiter } from '../api/http/rate-limiter';
import { agentRoute } from '../api/http/route';
import { getMe } from '../contract/endpoints-profile';
import { systemClock } from '../platform/clock';
import { parseConfig } from '../platform/config';
import { readEnvironment } from '../platform/environment';
import { createLogger } from '../platform/logger';
import { createMetrics } from '../platform/metrics';
import { announceReady } from '../platform/ready';
import { createAgentReader } from '../store/agents/agents';
import type { Agent } from '../store/schema/collections/agents';
import { openDatabase } from '../store/schema/database';

/** The baseline of `identity.me_per_s`: the real pipeline around one route, with an agent that no store was asked for. */
const AT = new Date('2026-01-01T00:00:00.000Z');
const AGENT: Agent = {
  _id: 'agt_bare',
  handle: 'bare-agent',
  email: 'bare@example.com',
  apiKeyHash: '',
  keyVersion: 1,
  displayName: null,
  description: null,
  avatarKey: null,
  status: 'active',
  pausedByOwner: 'none',
  settings: { inboxMode: 'open', groupInvitePolicy: 'open', discoverable: true },
  isSystem: false,
  isListed: true,
  inboxSalt: '',
  lastSeenAt: null,
  createdAt: AT,
  updatedAt: AT,
};

const config = parseConfig(readEnvironment());
const log = createLogger('bare', 'warn');
// Never connected: no request of this process asks for anything.
const database = openDatabase({ uri: config.MONGODB_URI, name: 'bare' });
const agents = { ...createAgentReader(database), findByKeyHash: () => Promise.resolve(AGENT) };
const limiter = createRateLimiter({ database, log, isOn: false });
const answer = { handle: AGENT.handle, email: AGENT.email, settings: AGENT.settings, created_at: AT.toISOString() };
const route = agentRoute(getMe, () => Promise.resolve({ status: 200, body: answer }));
const app = createPipeline({ config, database, agents, clock: systemClock, log, metrics: createMetrics(), limiter }, [
  route,
]);
app.listen(config.PORT, '127.0.0.1', () => announceReady({ port: config.PORT }));
process.on('SIGTERM', () => process.exit(0));
