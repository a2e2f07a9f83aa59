import type { SenderHead } from '../../domain/heads';
import type { OwnerNote } from '../../platform/bus';
import { groupHeadId } from '../../domain/group';
import type { AgentCard } from '../agents';
import { BatchRunner, type BatchListeners, type LaneOutcome, type LaneWaiting } from './batch-runner';
import type { CommitterDeps } from './committer';
import type { GroupChange } from './group-change';
import { HeadCache } from './head-cache';
import { HeadSet } from './head-set';
import { groupIdOf, newChangeItem, newDirectItem, newGroupItem, type LaneItem } from './items';
import { Lane } from './lane';
import { Reservations } from './reservations';
import { headIdsOf, type BatchState } from './send-state';
import type { Committed, GroupSendCommand, SendCommand, SendOutcome } from './send-types';

/** 128 items a commit was the measured optimum; the queue holds some seconds of work (design: bounded memory). */
const SINGLES = { batchMax: 128, queuedMax: 8_192, queuedBytesMax: 67_108_864 };
/** Whoever waits for a fan-out waits for all that its commit writes: two messages to the largest group, or many small ones. */
const FAN_OUTS = { ...SINGLES, documentsMax: 600 };

/** What a change holds in memory while it waits. */
const CHANGE_BYTES = 4_096;

const UNKNOWN_SENDER: AgentCard = { handle: 'unknown', displayName: null, isSystem: false };

/** What an item writes besides the rows of a group's members: heads, message, envelope. */
const OWN_DOCUMENTS = 5;

/** Groups whose size is remembered for sharing out the next batches; a wrong size costs latency, nothing else. */
const GROUP_SIZES_MAX = 10_000;
const GROUP_SIZE_GUESS = 64;

/**
 * The send path: load → decide → commit, many sends at a time. Direct sends have a lane of their own beside that of
 * groups, so that they do not wait for a fan-out of hundreds of documents.
 */
export class SendLanes {
  private readonly singles: Lane<LaneItem, LaneOutcome>;
  private readonly fanOuts: Lane<LaneItem, LaneOutcome>;
  private readonly reservations = new Reservations();
  private readonly cache = new HeadCache();
  private readonly groupSizes = new Map<string, number>();
  /** Told of every sender of a commit, as it is after it. */
  onSpent: (sender: SenderHead) => void = () => undefined;
  /** Told of what dashboards of owners are to hear. */
  onWatched: (notes: OwnerNote[]) => void = () => undefined;

  constructor(
    private readonly deps: CommitterDeps,
    onCommitted: (commit: Committed[]) => void,
  ) {
    const listeners: BatchListeners = {
      onCommitted,
      onSpent: (sender) => this.onSpent(sender),
      onWatched: (notes) => this.onWatched(notes),
      onLoaded: (items, state) => this.rememberSizes(items, state),
    };
    // Each learns for itself whether other processes write its heads, too.
    const [singles, fanOuts] = [this.newRunner(listeners), this.newRunner(listeners)];
    this.singles = new Lane(SINGLES, (items) => this.runSingles(items, singles));
    this.fanOuts = new Lane(
      FAN_OUTS,
      (items) => this.runFanOuts(items, fanOuts),
      (item) => this.documentsOf(item),
    );
  }

  /**
   * Sends one message. Resolves after the majority-durable commit, or with the original of a replay.
   * @throws AppError a refusal of messaging.md §3.3, SERVICE_UNAVAILABLE on overload; driver errors when the database
   *   is down, then the outcome is unknown and a repeat with the same client_msg_id is safe
   */
  async send(command: SendCommand | GroupSendCommand): Promise<SendOutcome> {
    const item = 'groupId' in command ? newGroupItem(command) : newDirectItem(command);
    const outcome = await this.laneOf(item).submit(item, command.content.length + command.metadata.length + 512);
    if (outcome.kind === 'decided') throw new Error('a send was answered as a change');
    return outcome;
  }

  /**
   * Changes one group in its turn among the sends: resolves with the decision after the majority-durable commit.
   * @throws AppError the decision's refusal, SERVICE_UNAVAILABLE on overload; driver errors when the outcome is unknown
   */
  async change<T>(change: GroupChange<T>): Promise<T> {
    let decided: { value: T } | null = null;
    const item = newChangeItem({
      groupId: change.groupId,
      headIds: change.headIds ?? [],
      load: change.load ?? (() => Promise.resolve()),
      decide: (group, heads, now) => {
        const decision = change.decide(group, heads, now);
        if (decision.kind !== 'refused') decided = { value: decision.value };
        return decision;
      },
      extras: change.extras ?? (() => ({})),
      senderIds: () => [...change.senders().keys()],
      cardOf: (agentId) => change.senders().get(agentId) ?? UNKNOWN_SENDER,
    });
    await this.fanOuts.submit(item, CHANGE_BYTES);
    return valueOf(decided);
  }

  private documentsOf(item: LaneItem): number {
    return OWN_DOCUMENTS + (this.groupSizes.get(groupIdOf(item) ?? '') ?? GROUP_SIZE_GUESS);
  }

  private rememberSizes(items: LaneItem[], { heads }: BatchState): void {
    if (this.groupSizes.size > GROUP_SIZES_MAX) this.groupSizes.clear();
    for (const item of items) {
      const group = heads.group(groupIdOf(item) ?? '');
      if (group !== null) this.groupSizes.set(group.groupId, group.memberCount);
    }
  }

  async idle(): Promise<void> {
    await Promise.all([this.singles.idle(), this.fanOuts.idle()]);
  }

  private newRunner(listeners: BatchListeners): BatchRunner {
    return new BatchRunner(this.deps, this.cache, listeners);
  }

  private laneOf(item: LaneItem): Lane<LaneItem, LaneOutcome> {
    return item.kind === 'direct' ? this.singles : this.fanOuts;
  }

  private async runSingles(waiting: LaneWaiting[], runner: BatchRunner): Promise<void> {
    const handles = waiting.flatMap(({ command }) => (command.kind === 'direct' ? [command.command.to] : []));
    // What cannot be resolved now fails in its commit.
    const recipientIds = await this.deps.agents.resolveHandles(handles).catch(() => new Map<string, string>());
    const names = { recipientIds, heads: new HeadSet([]) };
    const { free, held } = this.reservations.takeSingles(waiting, ({ command }) => headIdsOf(command, names));
    this.singles.postpone(held, this.reservations.untilFanOutEnds());
    if (free.length > 0) await runner.run(free);
    this.reservations.releaseSingles();
  }

  /** Members of a group that is not in the cache are not reserved: their versions tell of a collision. */
  private async runFanOuts(waiting: LaneWaiting[], runner: BatchRunner): Promise<void> {
    const items = waiting.map(({ command }) => command);
    const groups = items.flatMap((item) => this.cache.getAll([groupHeadId(groupIdOf(item) ?? '')]) ?? []);
    const names = { recipientIds: new Map<string, string>(), heads: new HeadSet(groups) };
    await this.reservations.takeFanOut(items.flatMap((item) => headIdsOf(item, names)));
    await runner.run(waiting);
    this.reservations.releaseFanOut();
  }
}

/** The lane answers a change only after its decision was taken. */
function valueOf<T>(decided: { value: T } | null): T {
  if (decided === null) throw new Error('a change was answered without a decision');
  return decided.value;
}
