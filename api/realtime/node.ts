import { randomUUID } from 'node:crypto';
import { PUMP_CHECK_MS } from '../../contract/limits';
import type { Bus, Order, Orders } from '../../platform/bus';
import type { Clock, ClockReading, SharedClock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import { repeat } from '../../platform/repeat';
import { openBus } from '../../store/nodes/bus';
import type { Committer } from '../../store/sending/committer';
import { createConnections, type Connections } from '../../store/nodes/connections';
import type { Database } from '../../store/schema/database';
import { within } from '../../store/schema/deadline';
import type { Reach } from '../../store/schema/reach';
import { lookAtInboxes } from '../../store/inbox/inbox';
import { openLease, type Lease } from '../../store/nodes/lease';
import { createOrderDesk, createOrders } from '../../store/nodes/orders';
import { AckBuffer } from './pumps/ack-buffer';
import { DashboardFrames } from './owner-feed/dashboard-frames';
import { Dashboards } from './owner-feed/dashboards';
import type { Live, OwnerFeed } from './broadcast/live';
import { closeSignedOut } from './owner-feed/sign-outs';
import { evictChanged } from './sockets/evictions';
import { Hub } from './sockets/hub';
import { OwnerFeedPublisher } from './owner-feed/publisher';

/** This process as one node among others: its sockets, the registry, orders, wake-ups and live frames. */
export interface LiveNode extends Live {
  hub: Hub;
  dashboards: Dashboards;
  connections: Connections;
  lease: Lease;
  orders: Orders;
  isUp(): boolean;
  close(): Promise<void>;
}

export interface NodeDeps {
  database: Database;
  /** The same database through a small pool of its own, for lease and orders. */
  control: Database;
  /** Told of what the lease finds: whether the database answers, and what time it is there. */
  reach: Reach;
  clock: SharedClock;
  committer: Committer;
  publicBaseUrl: string;
  metrics: Metrics;
  log: Logger;
}

/** How often the registry is compared with the sockets that are open: a row whose removal failed is no harm for so long. */
const RECONCILE_MS = 60_000;

/** How long a start waits for the bus. */
const BUS_OPEN_MS_MAX = 5_000;

export async function joinNodes(deps: NodeDeps): Promise<LiveNode> {
  const { database, control, clock, committer, metrics, log } = deps;
  const nodeId = randomUUID();
  const hub = new Hub((agentId) => new AckBuffer(agentId, { committer, database, log }));
  const dashboards = new Dashboards({ metrics, mayShow: () => lease.isHeld() });
  const obey = (order: Order) => ('ownerId' in order ? dashboards.obey(order) : hub.obey(order));
  const desk = createOrderDesk({ database: control, nodeId, obey });
  const renewals = { beforeRenewal: desk.look, onRenewed: (reading: ClockReading) => noteRenewal(deps, reading) };
  const lease = await openLease({ database: control, log, nodeId, ...renewals });
  const connections = createConnections({ database, log, nodeId, lease });
  const reconcile = () => connections.reconcile(() => [...hub.registered(), ...dashboards.registered()]);
  lease.onRegained(() => catchUp({ database, clock, hub, dashboards, reconcile }));
  const bus = openBus({ database, connections, lease, log });
  const warn = (event: string) => (error: unknown) => log.warn({ event, err: error });
  bus.onOrder(() => void desk.look().catch(warn('orders.not_read')));
  const poll = () => hub.poll((agentIds) => lookAtInboxes(database, agentIds)).catch(warn('inboxes.not_read'));
  lease.onHeld(() => void poll());
  const polling = repeat(poll, { everyMs: PUMP_CHECK_MS, isLater: true });
  const step = () => reconcile().catch(warn('registry.not_reconciled'));
  const reconciling = repeat(step, { everyMs: RECONCILE_MS, isLater: true });
  bus.onWake((agentIds) => (agentIds.length === 0 ? void poll() : hub.wake(agentIds)));
  bus.onFrame((agentIds, frame) => hub.broadcast(agentIds, frame));
  committer.onCommitted((commit) => {
    hub.offer(commit);
    bus.wake([...new Set(commit.map(({ recipientId }) => recipientId))]);
  });
  // One that opens later still wakes everybody then.
  await within(BUS_OPEN_MS_MAX, bus.opened).catch(warn('bus.not_open'));
  return {
    hub,
    dashboards,
    ownerFeed: openOwnerFeed(deps, { bus, lease, dashboards }),
    connections,
    lease,
    orders: createOrders({ database, log }),
    broadcast: (agentIds, frame) => {
      hub.broadcast(agentIds, frame);
      bus.publishFrame(agentIds, frame);
    },
    isUp: () => bus.isUp(),
    close: async () => {
      await Promise.all([polling.stop(), reconciling.stop()]);
      await bus.close();
      await lease.close();
      await connections.close();
    },
  };
}

function noteRenewal({ reach, clock }: NodeDeps, reading: ClockReading): void {
  reach.noteAnswer();
  clock.correct(reading);
}

/** What commits of this process, and other nodes, publish to the dashboards of owners. */
function openOwnerFeed(
  { database, committer, publicBaseUrl, metrics, log }: NodeDeps,
  { bus, lease, dashboards }: { bus: Bus; lease: Lease; dashboards: Dashboards },
): OwnerFeed {
  const frames = new DashboardFrames({ database, dashboards, publicBaseUrl, metrics, log });
  const feed = new OwnerFeedPublisher({
    database,
    bus,
    otherNodes: lease.otherNodes,
    dashboards,
    frames,
    metrics,
    log,
  });
  committer.onOwnerNotes((notes) => feed.committed(notes));
  // After a lapse of the lease and a break of the bus.
  lease.onHeld(() => void feed.resync());
  bus.onWake((agentIds) => {
    if (agentIds.length === 0) void feed.resync();
  });
  return feed;
}

/**
 * After a lapse: nobody waited for this node, and others may have taken it for dead. So its sockets are registered
 * again first (orders find the node from then on), and then what orders would have said is loaded: key, status and
 * pause of each agent as they are now.
 */
async function catchUp({
  database,
  clock,
  hub,
  dashboards,
  reconcile,
}: {
  database: Database;
  clock: Clock;
  hub: Hub;
  dashboards: Dashboards;
  reconcile: () => Promise<void>;
}): Promise<void> {
  await reconcile();
  hub.holdAll();
  await Promise.all([evictChanged(database, hub.all()), closeSignedOut(database, dashboards.all(), clock.now())]);
}
