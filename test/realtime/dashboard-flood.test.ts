import { randomBytes } from 'node:crypto';
import { DashboardFrames } from '../../api/realtime/dashboard-frames';
import { Dashboards } from '../../api/realtime/dashboards';
import type { DashboardSession } from '../../api/realtime/dashboard-session';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { createTestAgent } from '../support/agents';
import { testServers } from '../support/servers';

/** An owner looks at a dashboard most when its agent is flooded: what it shows then must say that it is behind. */
describe('a flood of messages', () => {
  let database: Database;
  beforeAll(async () => {
    database = openDatabase({ uri: testServers().mongoUri, name: `test-${randomBytes(6).toString('hex')}` });
    await prepareDatabase(database);
  });
  afterAll(async () => {
    await database.db.dropDatabase();
    await database.client.close();
  });

  test('what is dropped is told while the flood goes on, not only at its end', async () => {
    const { agent } = await createTestAgent(database);
    const [agentId, ownerId] = [agent._id, 'owner'];
    await database.claims.insertOne({ _id: agentId, ownerId, claimedAt: new Date() });
    const metrics = createMetrics();
    const dashboards = new Dashboards({ metrics, mayShow: () => true });
    const hints: string[] = [];
    const tab = { show: (text: string) => hints.push(text) > 0 };
    dashboards.add(tab as unknown as DashboardSession, ownerId);
    const log = createLogger('test', 'silent');
    const frames = new DashboardFrames({ database, dashboards, publicBaseUrl: 'http://localhost', metrics, log });
    const note = { kind: 'message' as const, ownerId, agentId, messageId: 'msg_unknown', position: 1 };
    const dropped = () => metrics.registry.getSingleMetricAsString('agentchat_dashboard_drops_total');
    const untilMs = Date.now() + 10_000;
    while (hints.length === 0 && Date.now() < untilMs) {
      frames.add(Array.from({ length: 2_500 }, () => note));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await dropped()).toContain('overflow');
    expect(hints.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: 'agent.changed', agent_handle: agent.handle, scopes: ['messages', 'conversations'] },
    ]);
  });
});
