import { inboxInId, inboxOutId, type InboxInGuard, type InboxOutGuard } from '../../domain/guards';
import type { Collection } from 'mongodb';
import { recordMoves } from '../inbox/backlog';
import { notWrittenOff } from '../inbox/written-off';
import { envelopeId } from '../schema/collections/messages';
import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX } from '../schema/conflicts';
import type { CommitterDeps } from './committer';
import { Lane, type Waiting } from './lane';
import { READ, WRITE } from '../schema/reads';

/** Envelopes of one recipient that it confirmed one by one: frames of sockets, webhooks that answered 2xx. */
export interface AckCommand {
  recipientId: string;
  positions: number[];
  deliveredAt: Date;
}

/** Everything of one recipient up to a position: an ack over REST. */
export interface RangeAck {
  recipientId: string;
  upTo: number;
  deliveredAt: Date;
}

/** Rows that one statement of a range moves; a longer range takes several. */
const RANGE_ROWS_MAX = 500;

/** Rows that one statement of the lane moves. */
const STATEMENT_ROWS_MAX = 2_000;

const LIMITS = { batchMax: 128, queuedMax: 8_192, queuedBytesMax: 67_108_864 };

/**
 * The ack path. A row leaves `stored` by one conditional update, so whoever moves it counts it, and nobody else does;
 * no counter is written, no transaction is needed: the backlog is what the rows say (`store/inbox/backlog.ts`).
 * If the process dies in the middle, some rows are delivered and the caller, who got no answer, repeats its ack for the
 * rest. Two acks of one row at once: one moves it.
 */
export class AckLane {
  private readonly lane: Lane<AckCommand, void>;

  constructor(private readonly deps: Pick<CommitterDeps, 'database' | 'clock' | 'log' | 'observe'>) {
    this.lane = new Lane(LIMITS, (items) => this.runBatch(items));
  }

  /** Moves exactly these envelopes to delivered, as far as they are stored. Acks of many recipients share one update. */
  ack(command: AckCommand): Promise<void> {
    return this.lane.submit(command, 64 + 16 * command.positions.length);
  }

  /**
   * Moves everything of the recipient that is stored up to a position, oldest first, until nothing of it is left.
   * @returns how many this call moved: acks at once share the rows among them, and no row is counted twice
   */
  async ackThrough({ recipientId, upTo, deliveredAt }: RangeAck): Promise<number> {
    if (upTo < 1) return 0;
    const startedMs = performance.now();
    let acked = 0;
    for (;;) {
      const ids = await this.findStored(recipientId, upTo);
      if (ids.length > 0) acked += await this.move(ids, deliveredAt);
      if (ids.length < RANGE_ROWS_MAX) break;
    }
    await this.recordRange(recipientId, upTo);
    const seconds = (performance.now() - startedMs) / 1000;
    this.deps.observe({ lane: 'ack', items: 1, seconds, conflicts: 0 });
    return acked;
  }

  oldestBatchMs(): number {
    return this.lane.batchMs();
  }

  idle(): Promise<void> {
    return this.lane.idle();
  }

  private async runBatch(waiting: Waiting<AckCommand, void>[]): Promise<void> {
    const startedMs = performance.now();
    let conflicts = 0;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.write(waiting.map(({ command }) => command));
        break;
      } catch (error) {
        conflicts += 1;
        if (isRetryable(error) && tries < TRIES_MAX) await pauseBeforeRetry(tries);
        else return this.fail(waiting, error);
      }
    }
    for (const { resolve } of waiting) resolve();
    const seconds = (performance.now() - startedMs) / 1000;
    this.deps.observe({ lane: 'ack', items: waiting.length, seconds, conflicts });
  }

  private fail(waiting: Waiting<AckCommand, void>[], error: unknown): void {
    this.deps.log.error({ event: 'ack.failed', err: error, items: waiting.length });
    for (const { reject } of waiting) reject(isRetryable(error) ? givenUp() : error);
  }

  /** Two trips: the rows, then what counts near the limits have to know of them. */
  private async write(commands: AckCommand[]): Promise<void> {
    const ids = commands.flatMap(({ recipientId, positions }) =>
      positions.map((position) => envelopeId(recipientId, position)),
    );
    const deliveredAt = commands[0]?.deliveredAt ?? this.deps.clock.now();
    let moved = 0;
    for (let start = 0; start < ids.length; start += STATEMENT_ROWS_MAX) {
      moved += await this.move(ids.slice(start, start + STATEMENT_ROWS_MAX), deliveredAt);
    }
    if (moved > 0) await recordMoves(this.deps.database, [...new Set(commands.map((command) => command.recipientId))]);
  }

  private async move(ids: string[], deliveredAt: Date): Promise<number> {
    const { modifiedCount } = await this.deps.database.envelopes.updateMany(
      { _id: { $in: ids }, status: 'stored' },
      { $set: { status: 'delivered', deliveredAt } },
      WRITE,
    );
    return modifiedCount;
  }

  /** What the recipient lost with a group counts as delivered already, and is not its ack's. */
  private async findStored(recipientId: string, upTo: number): Promise<string[]> {
    const { database } = this.deps;
    const inbox = await database.guards.findOne<Pick<InboxInGuard, '_id' | 'writtenOff'>>(
      { _id: inboxInId(recipientId) },
      { projection: { writtenOff: 1 }, ...READ },
    );
    const rows = await database.envelopes
      .find(
        { recipientId, status: 'stored', position: { $lte: upTo }, ...notWrittenOff(inbox?.writtenOff) },
        {
          projection: { _id: 1 },
          sort: { position: 1 },
          limit: RANGE_ROWS_MAX,
          hint: 'recipient_stored',
          ...READ,
        },
      )
      .toArray();
    return rows.map(({ _id }) => _id);
  }

  /** What a range covers is not pushed again by the release of a pause. One trip with the step for counts. */
  private async recordRange(recipientId: string, upTo: number): Promise<void> {
    // The kind of a guard stands in its _id: this is the parse point of the union.
    const outs = this.deps.database.guards as unknown as Collection<InboxOutGuard>;
    await outs.updateOne(
      { _id: inboxOutId(recipientId) },
      { $max: { syncedUpTo: upTo }, $inc: { moves: 1, v: 1 } },
      WRITE,
    );
  }
}
