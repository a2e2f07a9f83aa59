import { isAppError } from '../../contract/errors';
import { TURN_FRAMES_PENDING_MAX, TURN_GAP_MS_MAX } from '../../contract/limits';
import { inOrderOfIndex, type TurnFrame } from '../../domain/turn-stream';
import { BoundedMap } from '../../platform/bounded-map';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { takeTurnFrames } from '../../store/gateway/turn-events';
import type { Database } from '../../store/schema/database';

export interface TurnStreamsDeps {
  database: Database;
  clock: Clock;
  log: Logger;
}

/** What the agent is told: how far it is durable, or what is wrong. */
export interface StreamReply {
  ack: (throughIndex: number) => void;
  refuse: (code: string, message: string) => void;
}

interface Stream {
  pending: TurnFrame[];
  /** Since when the next delta is missing; null: it is not. */
  gapSinceMs: number | null;
  /** The writing that takes what came by then; resolves when nothing more is to be written. */
  writing: Promise<void> | null;
  reply: StreamReply;
}

/** Streams that one process takes in at once; of more the one that was quiet for longest waits for its next frame. */
const STREAMS_MAX = 10_000;
/** Deltas of so long are one write (gateway.md §11). */
const GATHER_MS = 50;

/**
 * What agents stream over their sockets: gathered for a moment, then written in their order, one write of a turn at a time.
 * Memory is bounded by frames that wait; what is acknowledged is durable.
 */
export class TurnStreams {
  private readonly streams = new BoundedMap<string, Stream>(STREAMS_MAX);

  constructor(private readonly deps: TurnStreamsDeps) {}

  /** @returns false when too much waits already; then the frame was not taken */
  take(agentId: string, executionId: string, frame: TurnFrame, reply: StreamReply): boolean {
    const key = `${agentId}:${executionId}`;
    const stream = this.streams.get(key) ?? { pending: [], gapSinceMs: null, writing: null, reply };
    if (stream.pending.length >= TURN_FRAMES_PENDING_MAX) return false;
    stream.pending.push(frame);
    stream.reply = reply;
    this.streams.set(key, stream);
    stream.writing ??= this.write(key, agentId, executionId, stream);
    return true;
  }

  /** Resolves when what came of the turn by now is written, or was refused. */
  async flushed(agentId: string, executionId: string): Promise<void> {
    await this.streams.get(`${agentId}:${executionId}`)?.writing;
  }

  private async write(key: string, agentId: string, executionId: string, stream: Stream): Promise<void> {
    try {
      while (stream.pending.length > 0) {
        await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
        await this.writeOnce(agentId, executionId, stream);
      }
    } catch (error) {
      // Not written, not acknowledged: the agent sends it again.
      if (!isAppError(error)) this.deps.log.warn({ event: 'turn.frames_lost', executionId, err: error });
      if (isAppError(error)) stream.reply.refuse(error.code, error.message);
    } finally {
      stream.writing = null;
      this.streams.delete(key);
    }
  }

  private async writeOnce(agentId: string, executionId: string, stream: Stream): Promise<void> {
    const frames = inOrderOfIndex(stream.pending);
    stream.pending = [];
    const { state, rest, refusal } = await takeTurnFrames(
      this.deps.database,
      { agentId, executionId },
      frames,
      this.deps.clock.now(),
    );
    stream.reply.ack(state.nextIndex - 1);
    if (refusal === 'RESPONSE_TOO_LARGE') return stream.reply.refuse(refusal, 'The answer is too large');
    if (refusal === null) return void (stream.gapSinceMs = null);
    stream.gapSinceMs ??= performance.now();
    if (performance.now() - stream.gapSinceMs < TURN_GAP_MS_MAX) {
      stream.pending = [...rest, ...stream.pending];
      return;
    }
    stream.gapSinceMs = null;
    stream.reply.refuse('GAP', `Delta ${state.nextIndex} is missing`);
  }
}
