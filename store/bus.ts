import { randomUUID } from 'node:crypto';
import type { ChangeStream, ChangeStreamInsertDocument } from 'mongodb';
import type { Bus, WakeListener } from '../platform/bus';
import type { Logger } from '../platform/logger';
import type { BusNote } from './collections/nodes';
import type { Connections } from './connections';
import type { Database } from './database';

/** How long a broken change stream waits before it is opened afresh. */
const REOPEN_MS = 500;

/**
 * The bus over MongoDB: small notes addressed to the nodes that hold sockets of an agent, heard by a change stream.
 * With one node it costs nothing. After a break it opens afresh (never with the old token) and wakes everybody once.
 */
export function openBus(deps: { database: Database; connections: Connections; log: Logger }): Bus {
  const { database, connections, log } = deps;
  const listeners: WakeListener[] = [];
  const orderListeners: (() => void)[] = [];
  let isOpen = false;
  let isClosed = false;
  let stream: ChangeStream<BusNote, ChangeStreamInsertDocument<BusNote>> | null = null;

  const listen = async (): Promise<void> => {
    while (!isClosed) {
      try {
        stream = database.bus.watch<BusNote, ChangeStreamInsertDocument<BusNote>>([
          { $match: { operationType: 'insert', 'fullDocument.nodeId': connections.nodeId } },
        ]);
        isOpen = true;
        for (const listener of listeners) listener([]);
        for await (const change of stream) {
          if (change.fullDocument.kind === 'order') for (const listener of orderListeners) listener();
          else for (const listener of listeners) listener(change.fullDocument.agentIds);
        }
      } catch (error) {
        if (!isClosed) log.warn({ event: 'bus.broken', err: error });
      }
      isOpen = false;
      if (!isClosed) await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    }
  };
  void listen();

  const tell = async (agentIds: string[]): Promise<void> => {
    const byNode = await connections.nodesOf(agentIds);
    if (byNode.size === 0) return;
    const notes = [...byNode].map(([nodeId, ids]) => newNote(nodeId, connections.nodeId, ids));
    await database.bus.insertMany(notes, { ordered: false });
  };
  return {
    wake: (agentIds) => {
      if (connections.otherNodes().length === 0) return;
      tell(agentIds).catch((error: unknown) => log.warn({ event: 'bus.not_told', err: error }));
    },
    onWake: (listener) => void listeners.push(listener),
    onOrder: (listener) => void orderListeners.push(listener),
    isUp: () => isOpen || connections.hasLease(),
    close: async () => {
      isClosed = true;
      await stream?.close();
    },
  };
}

function newNote(nodeId: string, fromNodeId: string, agentIds: string[]): BusNote {
  return {
    _id: randomUUID(),
    nodeId,
    kind: 'wake',
    agentIds,
    fromNodeId,
    confirmedAt: null,
    payload: {},
    createdAt: new Date(),
  };
}
