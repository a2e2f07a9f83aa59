import { DashboardFrames } from '../../api/realtime/owner-feed/dashboard-frames';
import { Dashboards } from '../../api/realtime/owner-feed/dashboards';
import type { DashboardSession } from '../../api/realtime/owner-feed/dashboard-session';
import { OwnerFeedPublisher } from '../../api/realtime/owner-feed/publisher';
import type { OwnerNote } from '../../platform/bus';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createTestAgent } from '../support/agents';
import { waitFor } from '../support/wait';
import { useDatabase } from '../support/database';
import { createGate } from '../support/gate';

/** An owner looks at a dashboard most when its agent is flooded: what it shows then must say that it is behind. */
describe('a flood of messages', () => {
  const database = useDatabase();

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
    const gate = createGate();
    const bus = {
      publishOwnerNotes: async (notes: OwnerNote[]) => {
        await gate.isOpen;
        told.push(...notes);
      },
      onOwnerNotes: () => undefined,
    };
    const desk = new OwnerFeedPublisher({ ...deps, database, bus, otherNodes: () => ['another'] });
    desk.committed(Array.from({ length: 6_000 }, () => note));
    expect(await dropped()).toContain('overflow');
    gate.open();
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
    await waitFor(
      () => {
        frames.add(Array.from({ length: 2_500 }, () => note));
        return hints.length > 0;
      },
      { intervalMs: 5, describe: 'a hint while the flood goes on' },
    );
    expect(await dropped()).toContain('overflow');
    expect(hints.map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: 'agent.changed', agent_handle: agent.handle, scopes: ['messages', 'conversations'] },
    ]);
  });
});
