import type { SenderGuard } from '../../domain/guards';
import type { OwnerNote } from '../../platform/bus';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { AgentReader } from '../agents/agents';
import type { Database } from '../schema/database';
import { AckLane } from './ack-lane';
import type { GroupChange } from './group-change';
import { SendLanes } from './send-lanes';
import type { Committed, GroupSendCommand, GuestReply, SendCommand, SendOutcome } from './send-types';

export interface CommitterDeps {
  database: Database;
  agents: AgentReader;
  clock: Clock;
  log: Logger;
  /** False lifts the per-second window of senders (`RATE_LIMITS=off`). */
  limitRate: boolean;
  observe: (batch: { lane: 'send' | 'ack'; items: number; seconds: number; conflicts: number }) => void;
}

/** One per api process: everything that it writes of messages goes through here. */
export interface Committer {
  send(command: SendCommand | GroupSendCommand): Promise<SendOutcome>;
  /** Changes one group in its turn among the sends; its system messages are committed with it. */
  change<T>(change: GroupChange<T>): Promise<T>;
  /** Moves exactly these envelopes to delivered, as far as they are stored: what sockets confirm. */
  ack(command: { recipientId: string; positions: number[] }): Promise<void>;
  /** Moves everything of the recipient up to a position that is stored to delivered; returns how many this call moved. */
  ackThrough(command: { recipientId: string; upTo: number }): Promise<number>;
  /** Called after each majority commit with the envelopes of this process's sends, in delivery order per recipient. */
  onCommitted(listener: (commit: Committed[]) => void): void;
  /** Called after each commit with what agents wrote to guests of the gateway; must neither wait nor throw. */
  onReplies(listener: (replies: GuestReply[]) => void): void;
  /** Called after each commit with what dashboards of the agents' owners are to hear; must neither wait nor throw. */
  onOwnerNotes(listener: (notes: OwnerNote[]) => void): void;
  /** Called after each commit with what its senders have used of their limits by then. */
  onSpent(listener: (sender: SenderGuard) => void): void;
  /** For how long the oldest batch that is being written has been so, in milliseconds; 0 without one. */
  oldestBatchMs(): number;
  /** Resolves when all that was accepted so far is settled. */
  idle(): Promise<void>;
}

/** Builds the lanes of sends and of acks. These two never write the same document, so they run beside each other. */
export function createCommitter(deps: CommitterDeps): Committer {
  const listeners: ((commit: Committed[]) => void)[] = [];
  const sends = new SendLanes(deps, (commit) => {
    for (const listener of listeners) listener(commit);
  });
  const acks = new AckLane(deps);
  return {
    send: (command) => sends.send(command),
    change: (change) => sends.change(change),
    ack: (command) => acks.ack({ ...command, deliveredAt: deps.clock.now() }),
    ackThrough: (command) => acks.ackThrough({ ...command, deliveredAt: deps.clock.now() }),
    onCommitted: (listener) => void listeners.push(listener),
    onReplies: (listener) => void (sends.onReplies = listener),
    onOwnerNotes: (listener) => void (sends.onOwnerNotes = listener),
    onSpent: (listener) => void (sends.onSpent = listener),
    oldestBatchMs: () => Math.max(sends.oldestBatchMs(), acks.oldestBatchMs()),
    idle: async () => {
      await Promise.all([sends.idle(), acks.idle()]);
    },
  };
}
