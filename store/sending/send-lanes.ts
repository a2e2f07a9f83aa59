import { senderGuardId, type SenderGuard } from '../../domain/guards';
import type { OwnerNote } from '../../platform/bus';
import { groupGuardId } from '../../domain/group';
import { isWindowFull } from '../../domain/group-send';
import { BoundedMap } from '../../platform/bounded-map';
import type { AgentCard } from '../agents/agents';
import { BatchRunner, type BatchListeners, type LaneWaiting } from './batch-runner';
import type { CommitterDeps } from './committer';
import { GroupAdmission } from './group-admission';
import type { GroupChange } from './group-change';
import { GuardCache } from './guard-cache';
import { GuardSet } from './guard-set';
import {
  groupIdOf,
  newChangeItem,
  newDirectItem,
  newGroupItem,
  type GroupItem,
  type LaneItem,
  type SendItem,
  type SlotsItem,
} from './items';
import { Reservations } from './reservations';
import { Line, type Limits } from './scheduler';
import { guardIdsOf, type BatchState } from './send-state';
import type { Committed, GuestReply, GroupSendCommand, SendCommand, SendOutcome } from './send-types';

/** The queue holds some seconds of work (design: bounded memory), of one tenant less, so that all others find room. */
const QUEUE = { queuedMax: 8_192, queuedPerTenantMax: 4_096, queuedBytesMax: 67_108_864 };
/** 128 items a commit was the measured optimum. Two batches at once: one is decided while the other is written. */
const SINGLES = { ...QUEUE, batchMax: 128, documentsMax: Infinity, runningMax: 2, reservesAhead: false };
/** Whoever waits for a fan-out waits for all that its commit writes: two messages to the largest group, or many small ones. */
const FAN_OUTS = { ...QUEUE, batchMax: 128, documentsMax: 600, runningMax: 2, reservesAhead: true };

/** What a change holds in memory while it waits. */
const CHANGE_BYTES = 4_096;

const UNKNOWN_SENDER: AgentCard = { handle: 'unknown', displayName: null, isSystem: false };

/** What an item writes besides the rows of a group's members: guards, message, envelope. */
const OWN_DOCUMENTS = 5;

/** Handles whose agents are remembered while messages for them wait. */
const RECIPIENTS_MAX = 20_000;

/** Groups whose size is remembered for sharing out the next batches; a wrong size costs latency, nothing else. */
const GROUP_SIZES_MAX = 10_000;
const GROUP_SIZE_GUESS = 64;

/**
 * The send path: load → decide → commit, many sends at a time. Direct sends have a line of their own beside that of
 * groups, so that they do not wait for a fan-out of hundreds of documents.
 */
export class SendLanes {
  private readonly singles: Line;
  private readonly fanOuts: Line;
  private readonly cache = new GuardCache();
  private readonly groups: GroupAdmission;
  private readonly groupSizes = new BoundedMap<string, number>(GROUP_SIZES_MAX);
  /** Ids of the agents that waiting direct messages are for, by handle: what their documents are called. */
  private readonly recipientIds = new BoundedMap<string, string>(RECIPIENTS_MAX);
  /** Told of every sender of a commit, as it is after it. */
  onSpent: (sender: SenderGuard) => void = () => undefined;
  /** Told of what agents wrote to guests. */
  onReplies: (replies: GuestReply[]) => void = () => undefined;
  /** Told of what dashboards of owners are to hear. */
  onOwnerNotes: (notes: OwnerNote[]) => void = () => undefined;

  constructor(
    private readonly deps: CommitterDeps,
    onCommitted: (commit: Committed[]) => void,
  ) {
    const listeners: BatchListeners = {
      onCommitted,
      onReplies: (replies) => this.onReplies(replies),
      onSpent: (sender) => this.onSpent(sender),
      onOwnerNotes: (notes) => this.onOwnerNotes(notes),
      onLoaded: (items, state) => this.rememberSizes(items, state),
    };
    this.groups = new GroupAdmission(deps, this.cache, (slots) => this.writeSlots(slots));
    const reservations = new Reservations();
    // Direct sends first: the next fan-out begins after those that the last one held up.
    const onFreed = (ids: ReadonlySet<string>): void => {
      this.singles.wake(ids);
      this.fanOuts.wake(ids);
    };
    const newLine = (limits: Limits): Line => {
      // Each learns for itself whether other processes write its guards, too.
      const runner = new BatchRunner(deps, this.cache, listeners);
      const work = {
        limits,
        tenantOf,
        guardIdsOf: (item: LaneItem) => this.guardIdsOf(item),
        documentsOf: (item: LaneItem) => this.documentsOf(item),
        run: (waiting: LaneWaiting[]) => runner.run(waiting),
      };
      return new Line(work, reservations, onFreed);
    };
    this.singles = newLine(SINGLES);
    this.fanOuts = newLine(FAN_OUTS);
  }

  /**
   * Sends one message. Resolves after the majority-durable commit, or with the original of a replay.
   * @throws AppError a refusal of messaging.md §3.3, SERVICE_UNAVAILABLE on overload; driver errors when the database
   *   is down, then the outcome is unknown and a repeat with the same client_msg_id is safe
   */
  async send(command: SendCommand | GroupSendCommand): Promise<SendOutcome> {
    const item = 'groupId' in command ? newGroupItem(command) : newDirectItem(command);
    await this.rememberRecipient(item);
    const bytes = command.content.length + command.metadata.length + 512;
    const outcome =
      item.kind === 'direct'
        ? await this.singles.submit(item, bytes)
        : await this.groups.admit(item, () => this.fanOuts.submit(item, bytes));
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
      caller: change.caller ?? null,
      guardIds: [...(change.guardIds ?? []), ...callerGuardIds(change)],
      joinerId: change.joinerId ?? null,
      load: change.load ?? (() => Promise.resolve()),
      decide: (group, guards, now) => {
        const decision = change.decide(group, guards, now);
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

  /** In the queue of the sender's own sends, so that those behind them are decided with these. */
  private async writeSlots(slots: SlotsItem): Promise<void> {
    await this.singles.submit(slots, CHANGE_BYTES).catch((error: unknown) => {
      this.deps.log.warn({ event: 'send.slots_lost', err: error });
    });
  }

  /** What is going to be refused writes next to nothing: a flood of refusals takes few batches. */
  private documentsOf(item: LaneItem): number {
    if (item.kind === 'group' && this.isGoingToBeRefused(item)) return 1;
    return OWN_DOCUMENTS + (this.groupSizes.get(groupIdOf(item) ?? '') ?? GROUP_SIZE_GUESS);
  }

  /** As far as this process knows: a wrong guess costs latency, nothing else. */
  private isGoingToBeRefused({ command: { sender, groupId } }: GroupItem): boolean {
    const { clock, limitRate } = this.deps;
    const known = new GuardSet(this.cache.getSome([groupGuardId(groupId), senderGuardId(sender.id)]));
    const guards = { group: known.group(groupId), sender: known.sender(sender.id) };
    return isWindowFull(guards, { now: clock.now(), limitRate, senderIsSystem: sender.isSystem });
  }

  private rememberSizes(items: LaneItem[], { guards }: BatchState): void {
    for (const item of items) {
      const group = guards.group(groupIdOf(item) ?? '');
      if (group !== null) this.groupSizes.set(group.groupId, group.memberCount);
    }
  }

  oldestBatchMs(): number {
    return Math.max(this.groups.oldestBatchMs(), this.singles.oldestBatchMs(), this.fanOuts.oldestBatchMs());
  }

  async idle(): Promise<void> {
    await this.groups.idle();
    await Promise.all([this.singles.idle(), this.fanOuts.idle()]);
  }

  /** Members of a group that is not in the cache are not reserved: their versions tell of a collision. */
  private guardIdsOf(item: LaneItem): string[] {
    const groups = this.cache.getSome([groupGuardId(groupIdOf(item) ?? '')]);
    return guardIdsOf(item, { recipientIds: this.recipientIds, guards: new GuardSet(groups) });
  }

  /** What cannot be resolved now fails in its commit. */
  private async rememberRecipient(item: SendItem): Promise<void> {
    if (item.kind !== 'direct') return;
    const found = await this.deps.agents.resolveHandles([item.command.to]).catch(() => new Map<string, string>());
    for (const [handle, id] of found) this.recipientIds.set(handle, id);
  }
}

const callerGuardIds = ({ caller }: Pick<GroupChange<unknown>, 'caller'>): string[] =>
  caller === undefined ? [] : [senderGuardId(caller._id)];

function tenantOf(item: LaneItem): string {
  if (item.kind === 'direct') return item.command.sender.id;
  return item.kind === 'slots' ? item.sender.id : (groupIdOf(item) ?? '');
}

/** The lane answers a change only after its decision was taken. */
function valueOf<T>(decided: { value: T } | null): T {
  if (decided === null) throw new Error('a change was answered without a decision');
  return decided.value;
}
