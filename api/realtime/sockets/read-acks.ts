import { AppError } from '../../../contract/errors';
import type { Clock } from '../../../platform/clock';
import type { Logger } from '../../../platform/logger';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { markReadThrough } from '../../../store/conversations/read-messages';
import { broadcastReceipts } from '../broadcast/read-receipts';
import { FanOuts } from '../broadcast/fan-outs';
import type { Live } from '../broadcast/live';

/**
 * Read watermarks that come as frames (realtime.md §4), one after another per agent. One that fails for want of the
 * database is lost like a frame that never came: the next watermark covers it.
 */
export class ReadAcks {
  private readonly queue: FanOuts;

  constructor(private readonly deps: { database: Database; live: Live; clock: Clock; log: Logger }) {
    this.queue = new FanOuts((error) => deps.log.warn({ event: 'read_ack.lost', err: error }));
  }

  /** @param onStranger called when the agent is no active participant of the conversation */
  mark(
    agent: Pick<Agent, '_id' | 'handle'>,
    through: { conversationId: string; throughSeq: number },
    onStranger: () => void,
  ): void {
    const { database, live, clock } = this.deps;
    this.queue.add(agent._id, async () => {
      try {
        const receipts = await markReadThrough(database, agent, through, clock.now());
        broadcastReceipts(live, receipts);
        const { conversationId } = through;
        if (receipts.length > 0) live.ownerFeed.changed({ agentId: agent._id, scopes: ['messages'], conversationId });
      } catch (error) {
        if (!(error instanceof AppError) || !STRANGER_CODES.has(error.code)) throw error;
        onStranger();
      }
    });
  }

  /** Resolves when everything that came is marked. */
  idle(): Promise<void> {
    return this.queue.idle();
  }
}

const STRANGER_CODES = new Set<string>(['CONVERSATION_NOT_FOUND', 'GROUP_DELETED']);
