import { randomBytes } from 'node:crypto';
import { DashboardFrames } from '../../api/realtime/dashboard-frames';
import { Dashboards } from '../../api/realtime/dashboards';
import type { DashboardSession } from '../../api/realtime/dashboard-session';
import { WatchDesk } from '../../api/realtime/watch';
import type { OwnerNote } from '../../platform/bus';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { createTestAgent } from '../support/agents';
import { testServers } from '../support/servers';
import { waitFor } from '../support/wait';

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

  /** A claimed agent, and this node without a dashboard of its own. */
  async function start() {
    const { agent } = await createTestAgent(database);
    const ownerId = `owner-of-${agent._id}`;
    await database.claims.insertOne({ _id: agent._id, ownerId, claimedAt: new Date() });
    const metrics = createMetrics();
    const dashboards = new Dashboards({ metrics, mayShow: () => true });
    const log = createLogger('test', 'silent');
    const frames = new DashboardFrames({ database, dashboards, publicBaseUrl: 'http://localhost', metrics, log });
    const note = { kind: 'message' as const, ownerId, agentId: agent._id, messageId: 'msg_unknown', position: 1 };
    const dropped = () => metrics.registry.getSingleMetricAsString('agentchat_dashboard_drops_total');
    return { agent, ownerId, metrics, dashboards, log, frames, note, dropped };
  }

  test('what another node could not be told of comes to it as a hint', async () => {
    const { agent, ownerId, note, dropped, ...deps } = await start();
    const told: OwnerNote[] = [];
    let open = (): void => undefined;
    const isOpen = new Promise<void>((resolve) => (open = resolve));
    const bus = {
      tellOwners: async (notes: OwnerNote[]) => {
        await isOpen;
        told.push(...notes);
      },
      onOwnerNotes: () => undefined,
    };
    const desk = new WatchDesk({ ...deps, database, bus, otherNodes: () => ['another'] });
    desk.committed(Array.from({ length: 6_000 }, () => note));
    expect(await dropped()).toContain('overflow');
    open();
    await waitFor(() => told.some(({ kind }) => kind === 'owner'));
    expect(told.filter(({ kind }) => kind === 'owner')).toEqual([
      { kind: 'owner', ownerId, agentHandle: agent.handle, scopes: ['messages', 'conversations'] },
    ]);
  });

  test('what is dropped is told while the flood goes on, not only at its end', async () => {
    const { agent, ownerId, dashboards, frames, note, dropped } = await start();
    const hints: string[] = [];
    const tab = { show: (text: string) => hints.push(text) > 0 };
    dashboards.add(tab as unknown as DashboardSession, ownerId);
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
