/** Ids of agents whose sockets should look for new messages. */
export type WakeListener = (agentIds: string[]) => void;

/**
 * Carries wake-ups between api processes. A hint, never a record: what it loses is found by each pump's own periodic
 * read. Another technology can replace the MongoDB form (`store/bus.ts`) behind this interface.
 */
export interface Bus {
  /** Tells the other nodes that hold sockets of these agents. Never throws; loss is allowed. */
  wake(agentIds: string[]): void;
  onWake(listener: WakeListener): void;
  /** False while this node can neither tell nor hear. */
  isUp(): boolean;
  close(): Promise<void>;
}
