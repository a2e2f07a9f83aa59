import { inboxInId, inboxOutId, type Flushing, type InboxOutHead } from '../../domain/heads';
import { envelopeId } from '../collections/messages';
import { TRANSACTION } from '../database';
import { notFlushed } from '../flushing';
import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX, WriteConflict } from './conflicts';
import { HeadSet } from './head-set';
import { planHeadWrites, type HeadChange } from './head-writes';
import { Lane, type Waiting } from './lane';
import type { CommitterDeps } from './committer';
import { writeHeads } from './write-sends';

/** Which stored envelopes of one recipient become delivered: all up to a position, or exactly these. */
export type AckCommand = { recipientId: string; deliveredAt: Date } & ({ upTo: number } | { positions: number[] });

/** Envelopes that one ack moves in one commit; a longer range takes several commits. */
const ACK_ROWS_MAX = 500;

const LIMITS = { batchMax: 32, queuedMax: 8_192, queuedBytesMax: 67_108_864 };

/** The acks of one recipient within a batch. */
interface RecipientAcks {
  head: InboxOutHead;
  /** Ids of envelopes that are still stored and covered by an ack, oldest first. */
  ids: string[];
  waiting: Waiting<AckCommand, number>[];
}

/** The ack path: acks of many recipients become one range of updates and one counter step each, in one commit. */
export class AckLane {
  private readonly lane: Lane<AckCommand, number>;

  constructor(private readonly deps: Pick<CommitterDeps, 'database' | 'clock' | 'log' | 'observe'>) {
    this.lane = new Lane(LIMITS, (items) => this.runBatch(items));
  }

  /**
   * Moves the recipient's stored envelopes that `command` covers to delivered.
   * @returns how many changed; a repeat returns 0. After a crash in the middle a prefix is delivered and a repeat
   *   does the rest. Two acks at once never count an envelope twice: they write one guarding document.
   */
  async ack(command: AckCommand): Promise<number> {
    let acked = 0;
    for (;;) {
      const moved = await this.lane.submit(command, 256);
      acked += moved;
      if (moved < ACK_ROWS_MAX) return acked;
    }
  }

  idle(): Promise<void> {
    return this.lane.idle();
  }

  private async runBatch(waiting: Waiting<AckCommand, number>[]): Promise<void> {
    const startedMs = performance.now();
    const byRecipient = groupByRecipient(waiting);
    let conflicts = 0;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.commit(byRecipient);
        break;
      } catch (error) {
        conflicts += 1;
        if (isRetryable(error) && tries < TRIES_MAX) await pauseBeforeRetry(tries);
        else return this.fail(waiting, error);
      }
    }
    const seconds = (performance.now() - startedMs) / 1000;
    this.deps.observe({ lane: 'ack', items: waiting.length, seconds, conflicts });
  }

  private fail(waiting: Waiting<AckCommand, number>[], error: unknown): void {
    this.deps.log.error({ event: 'ack.failed', err: error, items: waiting.length });
    for (const { reject } of waiting) reject(isRetryable(error) ? givenUp() : error);
  }

  private async commit(byRecipient: Map<string, Waiting<AckCommand, number>[]>): Promise<void> {
    const loaded = await this.load(byRecipient);
    const moving = loaded.filter(({ ids }) => ids.length > 0);
    if (moving.length > 0) await this.write(moving);
    for (const { ids, waiting } of loaded) {
      // The whole count goes to the first: its repeat or the others' would have found nothing stored any more.
      waiting.forEach(({ resolve }, index) => resolve(index === 0 ? ids.length : 0));
    }
  }

  /**
   * Heads before envelopes: the version then covers everything that the envelopes show. Reading ends (`inbox-out`) before
   * writing ends, by the order of the sort: whoever counts out the envelopes of a lost group moves the former's version.
   */
  private async load(byRecipient: Map<string, Waiting<AckCommand, number>[]>): Promise<RecipientAcks[]> {
    const ids = [...byRecipient.keys()].flatMap((id) => [inboxOutId(id), inboxInId(id)]);
    const rows = await this.deps.database.heads
      .find({ _id: { $in: ids } }, { sort: { _id: -1 }, projection: { salt: 0 }, maxTimeMS: 5_000 })
      .toArray();
    const heads = new HeadSet(rows);
    return Promise.all(
      [...byRecipient].map(async ([recipientId, waiting]) => {
        const head = heads.inboxOut(recipientId) ?? { _id: inboxOutId(recipientId), v: 0, dequeued: 0 };
        const flushing = heads.inboxIn(recipientId)?.flushing;
        return { head, waiting, ids: await this.findStored(recipientId, waiting, flushing) };
      }),
    );
  }

  private async findStored(
    recipientId: string,
    waiting: Waiting<AckCommand, number>[],
    flushing: Flushing[] | undefined,
  ): Promise<string[]> {
    const commands = waiting.map(({ command }) => command);
    const upTo = Math.max(0, ...commands.map((command) => ('upTo' in command ? command.upTo : 0)));
    const single = commands.flatMap((command) => ('positions' in command ? command.positions : []));
    const covered = [
      ...(upTo > 0 ? [{ position: { $lte: upTo } }] : []),
      ...(single.length > 0 ? [{ position: { $in: single.slice(0, ACK_ROWS_MAX) } }] : []),
    ];
    if (covered.length === 0) return [];
    const rows = await this.deps.database.envelopes
      .find(
        {
          recipientId,
          status: 'stored',
          ...(covered.length === 1 ? covered[0] : { $or: covered }),
          ...notFlushed(flushing),
        },
        { projection: { position: 1 }, sort: { position: 1 }, limit: ACK_ROWS_MAX, maxTimeMS: 5_000 },
      )
      .toArray();
    return rows.map((row) => envelopeId(recipientId, row.position));
  }

  /** Three trips: counters, envelopes, commit. */
  private async write(moving: RecipientAcks[]): Promise<void> {
    const { database } = this.deps;
    const ids = moving.flatMap((acks) => acks.ids);
    const deliveredAt = moving[0]?.waiting[0]?.command.deliveredAt ?? this.deps.clock.now();
    const changes = moving
      .map(({ head, ids: own, waiting }): HeadChange => ({
        before: head.v === 0 ? null : head,
        after: { ...head, dequeued: head.dequeued + own.length, ...syncedUpTo(head, waiting) },
      }))
      .sort((one, other) => (one.after._id < other.after._id ? -1 : 1));
    const session = database.client.startSession();
    try {
      session.startTransaction(TRANSACTION);
      await writeHeads(database, planHeadWrites(changes), session);
      const result = await database.envelopes.updateMany(
        { _id: { $in: ids }, status: 'stored' },
        { $set: { status: 'delivered', deliveredAt } },
        { session },
      );
      if (result.modifiedCount !== ids.length) throw new WriteConflict();
      await session.commitTransaction();
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => undefined);
      throw error;
    } finally {
      await session.endSession();
    }
  }
}

/** Acks of a range come over REST only: what they cover is not pushed again by the release of a pause. */
function syncedUpTo(
  { syncedUpTo: before = 0 }: InboxOutHead,
  waiting: Waiting<AckCommand, number>[],
): Pick<InboxOutHead, 'syncedUpTo'> {
  const upTo = Math.max(before, ...waiting.map(({ command }) => ('upTo' in command ? command.upTo : 0)));
  return upTo === 0 ? {} : { syncedUpTo: upTo };
}

function groupByRecipient(waiting: Waiting<AckCommand, number>[]): Map<string, Waiting<AckCommand, number>[]> {
  const groups = new Map<string, Waiting<AckCommand, number>[]>();
  for (const item of waiting) {
    const group = groups.get(item.command.recipientId);
    if (group === undefined) groups.set(item.command.recipientId, [item]);
    else group.push(item);
  }
  return groups;
}
