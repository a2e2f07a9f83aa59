import type { LiveFrame } from '../../../platform/bus';
import type { AgentChange } from '../../../store/nodes/publish-to-owners';

/** What reaches open sockets and dashboards on every node, and is stored nowhere. */
export interface Live {
  /** Hands a frame to the sockets of agents, whichever nodes hold them. Never throws. */
  broadcast(agentIds: string[], frame: LiveFrame): void;
  ownerFeed: OwnerFeed;
}

/** What the open dashboards of agents' owners have to read again. */
export interface OwnerFeed {
  /** Returns at once, never throws; changes of one agent within a moment are one. */
  changed(change: AgentChange): void;
}
