import type { AckBuffer } from '../pumps/ack-buffer';
import { InboundLimits } from './inbound-limits';
import type { OpenSocket, SocketAgent } from './open-socket';

const pick = ({ _id, handle, keyVersion, inboxSalt }: SocketAgent): SocketAgent => ({
  _id,
  handle,
  keyVersion,
  inboxSalt,
});

/** What the sockets of one agent on this node share. Most are idle: what only a busy one needs is made when it does. */
export class AgentSockets {
  /** A handful. Replaced, never changed: a socket may close while somebody goes through them. */
  sockets: readonly OpenSocket[] = [];
  private agent: SocketAgent;
  private buffer: AckBuffer | null = null;
  private ownLimits: InboundLimits | null = null;

  constructor(
    agent: SocketAgent,
    private readonly newAckBuffer: (agentId: string) => AckBuffer,
  ) {
    this.agent = pick(agent);
  }

  /** Adds a socket; returns the agent as all sockets that were opened with the same key hold it. */
  add(agent: SocketAgent, socket: OpenSocket): SocketAgent {
    if (this.agent.keyVersion !== agent.keyVersion) this.agent = pick(agent);
    this.sockets = [...this.sockets, socket];
    return this.agent;
  }

  /** @returns true when it was the last */
  remove(socket: OpenSocket): boolean {
    this.sockets = this.sockets.filter((other) => other !== socket);
    return this.sockets.length === 0;
  }

  /** One for all of them: the first confirmation wins. */
  get acks(): AckBuffer {
    return (this.buffer ??= this.newAckBuffer(this.agent._id));
  }

  get limits(): InboundLimits {
    return (this.ownLimits ??= new InboundLimits());
  }

  /** True while no more acks should be taken before a flush. */
  isFull(): boolean {
    return this.buffer?.isFull() === true;
  }

  /** Resolves when every ack that was taken is written down. */
  async flush(): Promise<void> {
    await this.buffer?.flush();
  }

  /** The last socket is gone: acks that cannot be written now are given up. */
  async close(): Promise<void> {
    await this.buffer?.close();
  }
}
