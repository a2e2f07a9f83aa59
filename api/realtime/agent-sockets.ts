import type { Agent } from '../../store/collections/agents';
import type { AckBuffer } from './ack-buffer';
import { InboundLimits } from './inbound-limits';
import type { Session } from './session';

/** What a live socket keeps of its agent's row. */
export type SocketAgent = Pick<Agent, '_id' | 'handle' | 'keyVersion' | 'inboxSalt'>;

const pick = ({ _id, handle, keyVersion, inboxSalt }: SocketAgent): SocketAgent => ({
  _id,
  handle,
  keyVersion,
  inboxSalt,
});

/** What the sockets of one agent on this node share. Most are idle: what only a busy one needs is made when it does. */
export class AgentSockets {
  /** A handful. Replaced, never changed: a socket may close while somebody goes through them. */
  sessions: readonly Session[] = [];
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
  add(agent: SocketAgent, session: Session): SocketAgent {
    if (this.agent.keyVersion !== agent.keyVersion) this.agent = pick(agent);
    this.sessions = [...this.sessions, session];
    return this.agent;
  }

  /** @returns true when it was the last */
  remove(session: Session): boolean {
    this.sessions = this.sessions.filter((other) => other !== session);
    return this.sessions.length === 0;
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
}
