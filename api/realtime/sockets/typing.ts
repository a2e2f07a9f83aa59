import type { Logger } from '../../../platform/logger';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { findTypingPeers } from '../../../store/conversations/typing';
import { FanOuts } from '../broadcast/fan-outs';
import { typingFrame, type TypingType } from '../wire/frames';
import type { Live } from '../broadcast/live';

interface TypingDeps {
  database: Database;
  live: Live;
  log: Logger;
  /** An agent began to type where it is an active participant: what waits for it there hears of it. Never throws. */
  onTyping?: (agentId: string, conversationId: string) => Promise<void>;
}

/** Relays who is typing where. Nothing of it is stored; what is lost is lost. */
export class TypingRelay {
  private readonly fanOuts: FanOuts;
  private lastVersion = 0;

  constructor(private readonly deps: TypingDeps) {
    this.fanOuts = new FanOuts((error) => deps.log.warn({ event: 'typing.not_broadcast', err: error }));
  }

  /** @param onStranger called when the agent is no active participant of the conversation */
  relay(
    agent: Pick<Agent, '_id' | 'handle'>,
    { type, conversationId }: { type: TypingType; conversationId: string },
    onStranger: () => void,
  ): void {
    const subject = `typing:${agent._id}:${conversationId}`;
    // A stop must not be overtaken by the start before it, on other nodes neither.
    const version = (this.lastVersion = Math.max(this.lastVersion + 1, Date.now()));
    this.fanOuts.add(subject, async () => {
      const peers = await findTypingPeers(this.deps.database, agent._id, conversationId);
      if (peers === null) return onStranger();
      this.deps.live.broadcast(peers, {
        text: typingFrame(type, conversationId, agent.handle),
        order: { subject, version },
      });
      if (type === 'typing.start') await this.deps.onTyping?.(agent._id, conversationId);
    });
  }
}
