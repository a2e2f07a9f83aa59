import { NUMBER, shape, collection } from './collection';

/** An api process that holds sockets. It pushes only while its lease runs. `_id` = node id. */
export interface Node {
  _id: string;
  leaseUntil: Date;
  startedAt: Date;
  /** Whether its lease had run out, or its row was gone, when it was renewed last. */
  hadLapsed?: boolean;
}

/** One authenticated socket. `_id` = socket id. */
export interface Connection {
  _id: string;
  /** The agent's id; of a dashboard the owner's. */
  agentId: string;
  nodeId: string;
  /** The delivery position up to which the socket's pump had gone at `notedAt`; never ahead of it. */
  cursor: number;
  connectedAt: Date;
  notedAt: Date;
  /** There when its client knows the chat gateway, with the codecs of its voice. */
  gateway?: VoiceCodecs;
}

/** What an agent's voice takes; absent: everything (gateway.md §7). */
export interface VoiceCodecs {
  input?: string[];
  output?: string[];
}

/** A small note to one node, read by its change stream and gone in a minute. Never a message. `_id` random. */
export interface BusNote {
  _id: string;
  nodeId: string;
  kind: string;
  agentIds: string[];
  /** For orders that are to be confirmed: who asked, and whether the node has done it. */
  fromNodeId: string | null;
  confirmedAt: Date | null;
  payload: Record<string, unknown>;
  createdAt: Date;
}

export const nodes = collection<Node>({
  schema: shape({ _id: 'string', leaseUntil: 'date', startedAt: 'date' }),
  indexes: [],
});

export const connections = collection<Connection>({
  schema: shape({ _id: 'string', agentId: 'string', nodeId: 'string', cursor: NUMBER, connectedAt: 'date' }),
  indexes: [
    // nodesOf(agents), countOf(agent)
    { name: 'agent_node', key: { agentId: 1, nodeId: 1 } },
    // removeNode: everything of a node whose lease lapsed
    { name: 'node', key: { nodeId: 1 } },
  ],
});

export const bus = collection<BusNote>({
  schema: shape({ _id: 'string', nodeId: 'string', kind: 'string', agentIds: 'array', createdAt: 'date' }),
  // notes are read by change stream; what nobody read in a minute is of no use any more
  indexes: [
    { name: 'created_at', key: { createdAt: 1 }, expireAfterSeconds: 60 },
    // OrderDesk.look: what waits for one node
    { name: 'orders', key: { nodeId: 1, confirmedAt: 1 }, partialFilterExpression: { kind: 'order' } },
  ],
});
