/** Gets the ids of agents whose sockets should read their inbox. */
export type WakeListener = (agentIds: string[]) => void;

/** A frame that nobody stores: typing, presence, read receipts, warnings (realtime.md §3). */
export interface LiveFrame {
  /** The frame as JSON text. */
  text: string;
  /**
   * Frames of one subject must not overtake each other: an older `version` than the last one that a node handed out is
   * dropped there.
   */
  order?: { subject: string; version: number };
  /** Only for sockets that know the chat gateway (gateway.md §8.3). */
  isForGateway?: true;
}

/** What of an agent an open pane of its owner's dashboard shows (dashboard.md §6.3). */
export type FeedScope =
  'profile' | 'pause' | 'events' | 'contacts' | 'blocks' | 'conversations' | 'messages' | 'presence';

/** One note of the owner feed, for the owner's open dashboards. Ids only: each node reads what it shows. */
export type OwnerNote =
  /** A message was stored to or from one of the owner's agents. */
  | {
      kind: 'message';
      ownerId: string;
      agentId: string;
      messageId: string;
      /** Of the agent's own envelope; null for what it sent. */
      position: number | null;
    }
  /** Something changed that is to be read again. */
  | { kind: 'owner'; ownerId: string; agentHandle: string; scopes: FeedScope[]; conversationId?: string };

/**
 * Carries wake-ups between api processes. A hint, never a record: what it loses is found by each pump's own periodic
 * read. Another technology can replace the MongoDB form (`store/nodes/bus.ts`) behind this interface.
 */
export interface Bus {
  /** Publishes a wake-up to the other nodes that hold sockets of these agents. Never throws; loss is allowed. */
  wake(agentIds: string[]): void;
  onWake(listener: WakeListener): void;
  /** Publishes a frame to the other nodes that hold sockets of these agents. Never throws; loss is allowed. */
  publishFrame(agentIds: string[], frame: LiveFrame): void;
  onFrame(listener: (agentIds: string[], frame: LiveFrame) => void): void;
  /** Publishes notes to the other nodes that hold dashboards of these owners; resolves when they are written. Never throws. */
  publishOwnerNotes(notes: OwnerNote[]): Promise<void>;
  onOwnerNotes(listener: (notes: OwnerNote[]) => void): void;
  /** Called when an order for this node was seen; it may come twice or not at all. */
  onOrder(listener: () => void): void;
  /** Resolves when this node hears what others publish: a socket that is opened before may miss a frame. */
  opened: Promise<void>;
  /** False while this node can neither publish nor receive. */
  isUp(): boolean;
  close(): Promise<void>;
}

/** What every node has to do with its sockets of one agent. */
export type AgentOrder =
  /** Close them: the agent's key, status or account changed. With `keyVersion` those stay that were opened with that key. */
  | { kind: 'close'; agentId: string; code: number; reason: string; keyVersion?: number }
  /** Push nothing more until the inbox was read anew: the owner's pause changed. */
  | { kind: 'recheck'; agentId: string }
  /** Hand over this frame, which nobody stores, once everything up to a delivery position was dealt with. */
  | { kind: 'tell'; agentId: string; afterPosition: number; text: string };

/** What every node has to do with its dashboards of one owner. */
export type OwnerOrder =
  /** Close them: of one session, or all. */
  | { kind: 'signOut'; ownerId: string; sessionId: string | null }
  /** Show nothing more of this agent, which is not the owner's any more, and say so. */
  | {
      kind: 'unwatch';
      ownerId: string;
      agentId: string;
      agentHandle: string;
      reason: 'released' | 'key_rotated' | 'deleted';
    };

export type Order = AgentOrder | OwnerOrder;

/** Whose sockets an order is about: they are registered under this id. */
export function subjectOf(order: Order): string {
  return 'ownerId' in order ? order.ownerId : order.agentId;
}

/** Orders that are obeyed everywhere before the caller goes on (design: acknowledged orders). */
export interface Orders {
  /**
   * Resolves when every node that holds a socket of the subject has obeyed, or pushes nothing any more because its lease
   * has lapsed. Give it after the commit of what it is about.
   * @returns false when a node with a lease did not confirm in time
   */
  give(order: Order): Promise<boolean>;
}
