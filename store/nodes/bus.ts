import { randomUUID } from 'node:crypto';
import type { ChangeStreamInsertDocument } from 'mongodb';
import type { Bus, LiveFrame, OwnerNote, WakeListener } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import type { BusNote } from '../schema/collections/nodes';
import type { Connections } from './connections';
import type { Database } from '../schema/database';
import { followChanges, type FollowedChanges } from '../schema/change-stream';
import { within } from '../schema/deadline';
import type { Lease } from './lease';

interface BusDeps {
  database: Database;
  connections: Connections;
  lease: Lease;
  log: Logger;
}

interface Listeners {
  wake: WakeListener[];
  frame: ((agentIds: string[], frame: LiveFrame) => void)[];
  ownerNotes: ((notes: OwnerNote[]) => void)[];
  order: (() => void)[];
}

/**
 * The bus over MongoDB: small notes addressed to the nodes that hold sockets of an agent, heard by a change stream.
 * With one node it costs nothing. After a break it opens afresh (never with the old token) and wakes everybody once.
 */
export function openBus(deps: BusDeps): Bus {
  const { lease, log } = deps;
  const listeners: Listeners = { wake: [], frame: [], ownerNotes: [], order: [] };
  const ear = openEar(deps, listeners);
  const publisher = createPublisher(deps);
  const write = (agentIds: string[], kind: 'wake' | 'frame', payload: object): void => {
    if (lease.otherNodes().length === 0 || agentIds.length === 0) return;
    publisher.publish({ agentIds, kind, payload });
  };
  return {
    wake: (agentIds) => write(agentIds, 'wake', {}),
    publishFrame: (agentIds, frame) => write(agentIds, 'frame', frame),
    publishOwnerNotes: async (notes) => {
      if (lease.otherNodes().length === 0) return;
      await writeOwnerNotes(deps, notes).catch((error: unknown) => log.warn({ event: 'bus.not_told', err: error }));
    },
    onOwnerNotes: (listener) => void listeners.ownerNotes.push(listener),
    onWake: (listener) => void listeners.wake.push(listener),
    onFrame: (listener) => void listeners.frame.push(listener),
    onOrder: (listener) => void listeners.order.push(listener),
    opened: ear.opened,
    isUp: () => ear.isOpen() || lease.isHeld(),
    close: async () => {
      await publisher.idle();
      await ear.close();
    },
  };
}

/** Listens for notes to this node until closed. */
function openEar({ database, connections, log }: BusDeps, listeners: Listeners): FollowedChanges {
  const toThisNode = { $match: { operationType: 'insert', 'fullDocument.nodeId': connections.nodeId } };
  return followChanges(() => database.bus.watch<BusNote, ChangeStreamInsertDocument<BusNote>>([toThisNode]), {
    onOpened: () => {
      for (const listener of listeners.wake) listener([]);
    },
    onChange: (change) => hear(change.fullDocument, listeners),
    onBroken: (error) => log.warn({ event: 'bus.broken', err: error }),
  });
}

function hear({ kind, agentIds, payload }: BusNote, listeners: Listeners): void {
  if (kind === 'order') for (const listener of listeners.order) listener();
  // The parse point of frames from other nodes: only `publishFrame` writes them.
  else if (kind === 'frame') {
    for (const listener of listeners.frame) listener(agentIds, payload as unknown as LiveFrame);
  } else if (kind === 'owner') {
    // The parse point of notes to owners: only `writeOwnerNotes` and `publishToOwner` write them.
    for (const listener of listeners.ownerNotes) listener(payload['notes'] as OwnerNote[]);
  } else for (const listener of listeners.wake) listener(agentIds);
}

/** A wake-up or a frame, and whom it is for. */
interface Publication {
  agentIds: string[];
  kind: 'wake' | 'frame';
  payload: object;
}

/** What waits to be written: some seconds of it. Beyond that the oldest is lost, as the bus allows. */
const WAITING_MAX = 5_000;
/** Agents of one look-up, whose sockets it finds all of (`nodesOf`); a message to the largest group has 255. */
const AGENTS_AT_ONCE = 1_000;
/** A write that hangs holds up what comes after it for no longer; a wake-up that is late is found by the pumps' own check. */
const WRITE_MS_MAX = 1_000;

/**
 * Writes what it is given in its order, one write at a time: what comes meanwhile goes with the next one. Two writes at
 * once could overtake each other, and a `typing.start` that comes after its stop is dropped.
 */
function createPublisher(deps: BusDeps): { publish: (publication: Publication) => void; idle: () => Promise<void> } {
  let waiting: Publication[] = [];
  let writing: Promise<void> | null = null;
  const takeSome = (): Publication[] => {
    let agents = 0;
    const end = waiting.findIndex(({ agentIds }, index) => (agents += agentIds.length) > AGENTS_AT_ONCE && index > 0);
    const some = end === -1 ? waiting : waiting.slice(0, end);
    waiting = end === -1 ? [] : waiting.slice(end);
    return some;
  };
  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      await within(WRITE_MS_MAX, writeNotes(deps, takeSome())).catch((error: unknown) =>
        deps.log.warn({ event: 'bus.not_told', err: error }),
      );
    }
    writing = null;
  };
  return {
    publish: (publication) => {
      waiting.push(publication);
      if (waiting.length > WAITING_MAX) waiting.shift();
      writing ??= writeAll();
    },
    idle: () => writing ?? Promise.resolve(),
  };
}

/** One look-up and one write for all of it. */
async function writeNotes({ database, connections }: BusDeps, all: Publication[]): Promise<void> {
  const byNode = await connections.nodesOf([...new Set(all.flatMap(({ agentIds }) => agentIds))]);
  const nodes = [...byNode].map(([nodeId, ids]) => ({ nodeId, ids: new Set(ids) }));
  const notes = all.flatMap(({ agentIds, kind, payload }) =>
    nodes.flatMap(({ nodeId, ids }) => {
      const own = agentIds.filter((id) => ids.has(id));
      if (own.length === 0) return [];
      return [{ ...newBusNote(nodeId, kind, own, { ...payload }), fromNodeId: connections.nodeId }];
    }),
  );
  if (notes.length > 0) await database.bus.insertMany(notes);
}

/** One look-up and one write for all of them; each node gets those of the owners whose dashboards it holds. */
async function writeOwnerNotes({ database, connections }: BusDeps, notes: OwnerNote[]): Promise<void> {
  const byNode = await connections.nodesOf([...new Set(notes.map(({ ownerId }) => ownerId))]);
  if (byNode.size === 0) return;
  const rows = [...byNode].map(([nodeId, ownerIds]) => {
    const wanted = new Set(ownerIds);
    return newBusNote(nodeId, 'owner', ownerIds, { notes: notes.filter(({ ownerId }) => wanted.has(ownerId)) });
  });
  await database.bus.insertMany(rows, { ordered: false });
}

/** A note to one node; `ids` are the agents or owners that it is about. */
export function newBusNote(nodeId: string, kind: string, ids: string[], payload: BusNote['payload']): BusNote {
  return {
    _id: randomUUID(),
    nodeId,
    kind,
    agentIds: ids,
    fromNodeId: null,
    confirmedAt: null,
    payload,
    createdAt: new Date(),
  };
}
