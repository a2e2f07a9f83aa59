import { randomUUID } from 'node:crypto';
import type { LiveFrame, Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import { openBus } from '../../store/bus';
import type { Committer } from '../../store/committer/committer';
import { openConnections, type Connections } from '../../store/connections';
import type { Database } from '../../store/database';
import { createOrderDesk, createOrders } from '../../store/orders';
import { AckBuffer } from './ack-buffer';
import { Hub } from './hub';

/** Hands frames that nobody stores to the sockets of agents, whichever nodes hold them. Never throws. */
export interface Live {
  tell(agentIds: string[], frame: LiveFrame): void;
}

/** This process as one node among others: its sockets, the registry, orders, wake-ups and live frames. */
export interface LiveNode extends Live {
  hub: Hub;
  connections: Connections;
  orders: Orders;
  isUp(): boolean;
  close(): Promise<void>;
}

export async function joinNodes(deps: { database: Database; committer: Committer; log: Logger }): Promise<LiveNode> {
  const { database, committer, log } = deps;
  const nodeId = randomUUID();
  const hub = new Hub((agentId) => new AckBuffer(agentId, { committer, database, log }));
  const desk = createOrderDesk({ database, nodeId, obey: (order) => hub.obey(order) });
  const connections = await openConnections({ database, log, nodeId, beforeRenewal: desk.look });
  connections.onRegained(() => hub.wake([]));
  const bus = openBus({ database, connections, log });
  bus.onOrder(() => {
    desk.look().catch((error: unknown) => log.warn({ event: 'orders.not_read', err: error }));
  });
  bus.onWake((agentIds) => hub.wake(agentIds));
  bus.onFrame((agentIds, frame) => hub.tell(agentIds, frame));
  committer.onCommitted((commit) => {
    hub.offer(commit);
    bus.wake([...new Set(commit.map(({ recipientId }) => recipientId))]);
  });
  return {
    hub,
    connections,
    orders: createOrders({ database, log }),
    tell: (agentIds, frame) => {
      hub.tell(agentIds, frame);
      bus.tell(agentIds, frame);
    },
    isUp: () => bus.isUp(),
    close: async () => {
      await bus.close();
      await connections.close();
    },
  };
}
