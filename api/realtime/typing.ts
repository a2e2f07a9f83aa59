import type { Logger } from '../../platform/logger';
import type { Agent } from '../../store/collections/agents';
import type { Database } from '../../store/database';
import { findTypingPeers } from '../../store/typing';
import { FanOuts } from './fan-outs';
import { typingFrame, type TypingType } from './frames';
import type { Live } from './node';

/** Relays who is typing where. Nothing of it is stored; what is lost is lost. */
export class TypingRelay {
  private readonly fanOuts: FanOuts;
  private lastVersion = 0;

  constructor(private readonly deps: { database: Database; live: Live; log: Logger }) {
    this.fanOuts = new FanOuts((error) => deps.log.warn({ event: 'typing.not_told', err: error }));
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
      this.deps.live.tell(peers, {
        text: typingFrame(type, conversationId, agent.handle),
        order: { subject, version },
      });
    });
  }
}
