import { randomUUID } from 'node:crypto';
import { PUMP_CHECK_MS } from '../../contract/limits';
import type { Bus, LiveFrame, Order, Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import { openBus } from '../../store/bus';
import type { Committer } from '../../store/committer/committer';
import { createConnections, type Connections } from '../../store/connections';
import type { Database } from '../../store/database';
import { lookAtInboxes } from '../../store/inbox';
import { openLease, type Lease } from '../../store/lease';
import { createOrderDesk, createOrders } from '../../store/orders';
import { AckBuffer } from './ack-buffer';
import { DashboardFrames } from './dashboard-frames';
import { Dashboards } from './dashboards';
import { evictChanged, evictSignedOut } from './evictions';
import { Hub } from './hub';
import { WatchDesk, type Watch } from './watch';

/** Hands frames that nobody stores to the sockets of agents, whichever nodes hold them. Never throws. */
export interface Live {
  tell(agentIds: string[], frame: LiveFrame): void;
  /** Tells the owners of agents. */
  watch: Watch;
}

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
  committer: Committer;
  publicBaseUrl: string;
  metrics: Metrics;
  log: Logger;
}

export async function joinNodes(deps: NodeDeps): Promise<LiveNode> {
  const { database, control, committer, metrics, log } = deps;
  const nodeId = randomUUID();
  const hub = new Hub((agentId) => new AckBuffer(agentId, { committer, database, log }));
  const dashboards = new Dashboards({ metrics, mayShow: () => lease.isHeld() });
  const obey = (order: Order) => ('ownerId' in order ? dashboards.obey(order) : hub.obey(order));
  const desk = createOrderDesk({ database: control, nodeId, obey });
  const lease = await openLease({ database: control, log, nodeId, beforeRenewal: desk.look });
  const connections = createConnections({ database, log, nodeId, lease });
  lease.onRegained(() => catchUp({ database, hub, dashboards, connections }));
  const bus = openBus({ database, connections, lease, log });
  bus.onOrder(() => {
    desk.look().catch((error: unknown) => log.warn({ event: 'orders.not_read', err: error }));
  });
  const check = (): Promise<void> =>
    hub
      .check((agentIds) => lookAtInboxes(database, agentIds))
      .catch((error: unknown) => log.warn({ event: 'inboxes.not_read', err: error }));
  lease.onHeld(() => void check());
  const stopChecking = repeatEvery(PUMP_CHECK_MS, check);
  bus.onWake((agentIds) => (agentIds.length === 0 ? void check() : hub.wake(agentIds)));
  bus.onFrame((agentIds, frame) => hub.tell(agentIds, frame));
  committer.onCommitted((commit) => {
    hub.offer(commit);
    bus.wake([...new Set(commit.map(({ recipientId }) => recipientId))]);
  });
  return {
    hub,
    dashboards,
    watch: openWatch(deps, { bus, lease, dashboards }),
    connections,
    lease,
    orders: createOrders({ database, log }),
    tell: (agentIds, frame) => {
      hub.tell(agentIds, frame);
      bus.tell(agentIds, frame);
    },
    isUp: () => bus.isUp(),
    close: async () => {
      stopChecking();
      await bus.close();
      await lease.close();
      await connections.close();
    },
  };
}

/** What commits of this process, and other nodes, tell the dashboards of owners. */
function openWatch(
  { database, committer, publicBaseUrl, metrics, log }: NodeDeps,
  { bus, lease, dashboards }: { bus: Bus; lease: Lease; dashboards: Dashboards },
): Watch {
  const frames = new DashboardFrames({ database, dashboards, publicBaseUrl, metrics, log });
  const watch = new WatchDesk({ database, bus, otherNodes: lease.otherNodes, dashboards, frames, metrics, log });
  committer.onWatched((notes) => watch.committed(notes));
  // After a lapse of the lease and a break of the bus.
  lease.onHeld(() => void watch.resync());
  bus.onWake((agentIds) => {
    if (agentIds.length === 0) void watch.resync();
  });
  return watch;
}

/**
 * After a lapse: nobody waited for this node, and others may have taken it for dead. So its sockets are registered
 * again first (orders find the node from then on), and then what orders would have said is looked up: key, status and
 * pause of each agent as they are now.
 */
async function catchUp({
  database,
  hub,
  dashboards,
  connections,
}: {
  database: Database;
  hub: Hub;
  dashboards: Dashboards;
  connections: Connections;
}): Promise<void> {
  const registered = () => [...hub.registered(), ...dashboards.registered()];
  const restored = await connections.restore(registered());
  const open = new Set(registered().map(({ id }) => id));
  await Promise.all(restored.filter((id) => !open.has(id)).map((id) => connections.release(id)));
  hub.holdAll();
  await Promise.all([evictChanged(database, hub.all()), evictSignedOut(database, dashboards.all())]);
}

/** Starts `work` again `everyMs` after it ended. */
function repeatEvery(everyMs: number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout;
  let isStopped = false;
  const schedule = (): void => {
    if (!isStopped) timer = setTimeout(() => void work().then(schedule), everyMs);
  };
  schedule();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
