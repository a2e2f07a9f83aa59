import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../platform/logger';
import { subjectOf, type Order, type Orders } from '../../platform/bus';
import type { BusNote } from '../schema/collections/nodes';
import { findLeased } from './lease';
import type { Database } from '../schema/database';
import { QUICK_READ } from '../schema/reads';

/** How often an order's confirmations are looked for; orders are rare and their callers wait for them. */
const POLL_MS = 20;

/**
 * A node hears of its orders with every renewal of its lease (300 ms) even when its change stream is broken, or loses
 * the lease (1 s). So this is never reached unless the database itself is out of reach.
 */
const GIVE_UP_MS = 5_000;

/**
 * Orders to the nodes that hold sockets of an agent, or dashboards of an owner. The caller commits the fact first (new key, suspension, pause) and
 * then gives the order: sockets that are registered after the look-up of the nodes find the fact by themselves.
 *
 * A node whose lease has lapsed is not waited for, since it pushes nothing. Its order is written all the same: it reads
 * it before its lease counts again.
 *
 * If the caller dies before the order, the nodes' own check of their agents (every 5 s) does its work late. Two orders
 * at once for one agent are independent.
 */
export function createOrders(deps: { database: Database; log: Logger }): Orders {
  return {
    give: async (order) => {
      const nodeIds = await deps.database.connections.distinct('nodeId', { agentId: subjectOf(order) });
      if (nodeIds.length === 0) return true;
      const notes = nodeIds.map((nodeId) => newNote(randomUUID(), nodeId, order));
      await deps.database.bus.insertMany(notes);
      const open = new Map(notes.map(({ _id, nodeId }) => [_id, nodeId]));
      const deadline = performance.now() + GIVE_UP_MS;
      while (open.size > 0 && performance.now() < deadline) {
        await sleep(POLL_MS);
        await settle(deps.database, open);
      }
      if (open.size > 0) deps.log.error({ event: 'order.unconfirmed', kind: order.kind, nodes: open.size });
      return open.size === 0;
    },
  };
}

/** Takes from `open` what was confirmed, and what is addressed to nodes that push nothing any more. */
async function settle(database: Database, open: Map<string, string>): Promise<void> {
  const confirmed = await database.bus
    .find({ _id: { $in: [...open.keys()] }, confirmedAt: { $ne: null } }, { projection: { _id: 1 }, ...QUICK_READ })
    .toArray();
  for (const { _id } of confirmed) open.delete(_id);
  const leased = new Set(await findLeased(database, [...open.values()]));
  for (const [id, nodeId] of open) if (!leased.has(nodeId)) open.delete(id);
}

/** What one node does with the orders that are addressed to it. */
export interface OrderDesk {
  /** Obeys and confirms everything that waits for this node. Called on a hint and with every renewal of the lease. */
  look(): Promise<void>;
}

/** More than can be unconfirmed: rows of orders go after a minute. */
const OBEYED_KEPT = 10_000;

/**
 * Each order is obeyed once, although a hint and a renewal may read it at the same time. A node that dies between obeying
 * and confirming has no sockets any more.
 * @param obey must have its whole effect when it returns: nothing is pushed after it that the order forbids
 */
export function createOrderDesk(deps: { database: Database; nodeId: string; obey: (order: Order) => void }): OrderDesk {
  const { database, nodeId, obey } = deps;
  /** Ids, oldest first. */
  const obeyed = new Set<string>();
  const obeyOnce = (note: BusNote): void => {
    if (obeyed.has(note._id)) return;
    // The parse point of orders: only `give` writes them.
    obey(note.payload as unknown as Order);
    obeyed.add(note._id);
    const [oldest] = obeyed;
    if (obeyed.size > OBEYED_KEPT && oldest !== undefined) obeyed.delete(oldest);
  };
  return {
    look: async () => {
      const notes = await database.bus
        .find({ nodeId, kind: 'order', confirmedAt: null }, { limit: 1_000, ...QUICK_READ })
        .toArray();
      if (notes.length === 0) return;
      notes.forEach(obeyOnce);
      await database.bus.updateMany(
        { _id: { $in: notes.map(({ _id }) => _id) } },
        { $set: { confirmedAt: new Date() } },
      );
    },
  };
}

function newNote(id: string, nodeId: string, order: Order): BusNote {
  return {
    _id: id,
    nodeId,
    kind: 'order',
    agentIds: [subjectOf(order)],
    fromNodeId: null,
    confirmedAt: null,
    payload: { ...order },
    createdAt: new Date(),
  };
}
