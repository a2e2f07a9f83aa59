import { randomUUID } from 'node:crypto';
import { PUMP_CHECK_MS } from '../../contract/limits';
import type { LiveFrame, Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import { openBus } from '../../store/bus';
import type { Committer } from '../../store/committer/committer';
import { createConnections, type Connections } from '../../store/connections';
import type { Database } from '../../store/database';
import { lookAtInboxes } from '../../store/inbox';
import { openLease, type Lease } from '../../store/lease';
import { createOrderDesk, createOrders } from '../../store/orders';
import { AckBuffer } from './ack-buffer';
import { evictChanged } from './evictions';
import { Hub } from './hub';

/** Hands frames that nobody stores to the sockets of agents, whichever nodes hold them. Never throws. */
export interface Live {
  tell(agentIds: string[], frame: LiveFrame): void;
}

/** This process as one node among others: its sockets, the registry, orders, wake-ups and live frames. */
export interface LiveNode extends Live {
  hub: Hub;
  connections: Connections;
  lease: Lease;
  orders: Orders;
  isUp(): boolean;
  close(): Promise<void>;
}

/** @param deps.control the same database through a small pool of its own, for lease and orders */
export async function joinNodes(deps: {
  database: Database;
  control: Database;
  committer: Committer;
  log: Logger;
}): Promise<LiveNode> {
  const { database, control, committer, log } = deps;
  const nodeId = randomUUID();
  const hub = new Hub((agentId) => new AckBuffer(agentId, { committer, database, log }));
  const desk = createOrderDesk({ database: control, nodeId, obey: (order) => hub.obey(order) });
  const lease = await openLease({ database: control, log, nodeId, beforeRenewal: desk.look });
  const connections = createConnections({ database, log, nodeId, lease });
  lease.onRegained(() => catchUp({ database, hub, connections }));
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

/**
 * After a lapse: nobody waited for this node, and others may have taken it for dead. So its sockets are registered
 * again first (orders find the node from then on), and then what orders would have said is looked up: key, status and
 * pause of each agent as they are now.
 */
async function catchUp({
  database,
  hub,
  connections,
}: {
  database: Database;
  hub: Hub;
  connections: Connections;
}): Promise<void> {
  const restored = await connections.restore(hub.registered());
  const open = new Set(hub.registered().map(({ id }) => id));
  await Promise.all(restored.filter((id) => !open.has(id)).map((id) => connections.release(id)));
  hub.holdAll();
  await evictChanged(database, hub.all());
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
