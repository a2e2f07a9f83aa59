import { AppError } from '../../contract/errors';
import { GROUP_SENDS_PER_SECOND } from '../../contract/limits';
import { findMember, groupGuardId, type GroupGuard } from '../../domain/group';
import { decideGroupSend } from '../../domain/group-send';
import { senderGuardId, type SenderGuard } from '../../domain/guards';
import { countedIn, openSecond, refuseSender } from '../../domain/send';
import type { CommitterDeps } from './committer';
import type { GuardCache } from './guard-cache';
import { GuardSet } from './guard-set';
import { newSlotsItem, type GroupItem, type SlotsItem } from './items';
import { Lane, type Waiting } from './lane';
import { findGuards, findReplays } from './send-state';

const LIMITS = { batchMax: 512, queuedMax: 8_192, queuedBytesMax: 67_108_864 };
/** What an item holds here; its content is counted where it waits to be sent. */
const ITEM_BYTES = 256;

type Refusal = AppError | null;

/**
 * Refuses what exceeds the limit of a group before it queues behind the fan-outs that fill the limit: a flood of two
 * thousand is answered at once, not when its twentieth message is written. A send is too many when those that were
 * committed in this second and those of this process that wait for their turn make up the limit already.
 *
 * The refusal rests on a fresh look at group, sender and replays and is the only answer that is given here; every other
 * one is the line's. The slots that refusals take of their senders' windows are written behind them: a process that dies
 * in between forgets them, and another process learns of them with that write.
 */
export class GroupAdmission {
  /** Sends that were let through and are not settled, by group and by sender. */
  private readonly waiting = new Map<string, number>();
  /** Slots of senders that are being written. */
  private readonly pendingSlots = new Map<string, number>();
  private readonly lane: Lane<GroupItem, Refusal>;

  constructor(
    private readonly deps: Pick<CommitterDeps, 'database' | 'clock' | 'limitRate'>,
    private readonly cache: GuardCache,
    /** Gives the item its turn among the sends of its sender; must not throw. */
    private readonly writeSlots: (item: SlotsItem) => Promise<void>,
  ) {
    this.lane = new Lane(LIMITS, (items) => this.runBatch(items));
  }

  /**
   * The outcome of `send`, the item's turn in its line.
   * @throws AppError RATE_LIMITED, and `send` was not begun
   */
  async admit<T>(item: GroupItem, send: () => Promise<T>): Promise<T> {
    // Only who may send counts: a stranger's flood takes nobody's slot.
    if (!this.deps.limitRate || !this.isEntitled(item)) return send();
    if (!this.isFull(item)) this.enter(item);
    else {
      const refusal = await this.lane.submit(item, ITEM_BYTES);
      if (refusal !== null) throw refusal;
    }
    try {
      return await send();
    } finally {
      for (const id of subjectsOf(item)) add(this.waiting, id, -1);
    }
  }

  oldestBatchMs(): number {
    return this.lane.batchMs();
  }

  idle(): Promise<void> {
    return this.lane.idle();
  }

  /** As far as this process knows; who is unknown to it goes to the line. */
  private isEntitled(item: GroupItem): boolean {
    const { sender } = item.command;
    const { group, guard } = this.known(item);
    if (group === null || guard === null || findMember(group, sender.id) === null) return false;
    return guard.pausedByOwner === 'none' && refuseSender(guard, sender.keyVersion) === null;
  }

  private enter(item: GroupItem): void {
    for (const id of subjectsOf(item)) add(this.waiting, id, 1);
  }

  /** By what this process has settled and what waits here: a row that was just read may have one of these in it, too. */
  private isFull(item: GroupItem): boolean {
    const { group } = this.known(item);
    const counted = group === null ? 0 : countedIn(group.window, this.deps.clock.now());
    return counted + (this.waiting.get(item.command.groupId) ?? 0) >= GROUP_SENDS_PER_SECOND;
  }

  private known({ command: { sender, groupId } }: GroupItem): { group: GroupGuard | null; guard: SenderGuard | null } {
    const known = new GuardSet(this.cache.getSome([groupGuardId(groupId), senderGuardId(sender.id)]));
    return { group: known.group(groupId), guard: known.sender(sender.id) };
  }

  private async runBatch(waiting: Waiting<GroupItem, Refusal>[]): Promise<void> {
    try {
      const items = waiting.map(({ command }) => command);
      const ids = items.flatMap(({ command }) => [groupGuardId(command.groupId), senderGuardId(command.sender.id)]);
      const [rows, replays] = await Promise.all([
        findGuards(this.deps.database, [...new Set(ids)]),
        findReplays(this.deps.database, items),
      ]);
      const fresh = new GuardSet(rows);
      const slots = new Map<string, SlotsItem>();
      for (const { command: item, resolve } of waiting) {
        const refusal =
          replays.has(item.clientKeyText) || !this.isFull(item) ? null : this.refusalOf(item, fresh, slots);
        if (refusal === null) this.enter(item);
        resolve(refusal);
      }
      for (const item of slots.values()) void this.write(item);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** RATE_LIMITED as it is when the group's second is full; null for any other answer. Adds to `slots` what it takes. */
  private refusalOf(item: GroupItem, fresh: GuardSet, slots: Map<string, SlotsItem>): Refusal {
    const { sender, groupId } = item.command;
    const [group, guard] = [fresh.group(groupId), fresh.sender(sender.id)];
    if (group === null || guard === null) return null;
    const now = this.deps.clock.now();
    const second = openSecond(guard.window, now.getTime());
    const full = { second: openSecond(group.window, now.getTime()), count: GROUP_SENDS_PER_SECOND };
    const decision = decideGroupSend(
      {
        sender: { ...guard, window: { second, count: this.slotsOf(item, now) } },
        group: { ...group, window: full },
        wasMember: false,
      },
      {
        senderId: sender.id,
        senderIsSystem: sender.isSystem,
        senderKeyVersion: sender.keyVersion,
        now,
        limitRate: true,
      },
    );
    if (decision.kind !== 'refused' || decision.code !== 'RATE_LIMITED') return null;
    // The sender's own window let it pass, so it took a slot of it.
    if (decision.sender !== null) {
      add(this.pendingSlots, sender.id, 1);
      const known = slots.get(sender.id) ?? newSlotsItem(sender, second);
      slots.set(sender.id, { ...known, count: known.count + 1 });
    }
    return new AppError(decision.code, decision.details, decision.retryAfterMs);
  }

  /** What the sender has used of its second: settled, waiting, taken by refusals. */
  private slotsOf(item: GroupItem, now: Date): number {
    const { id } = item.command.sender;
    const { guard } = this.known(item);
    const counted = guard === null ? 0 : countedIn(guard.window, now);
    return counted + (this.waiting.get(id) ?? 0) + (this.pendingSlots.get(id) ?? 0);
  }

  private async write(item: SlotsItem): Promise<void> {
    await this.writeSlots(item);
    add(this.pendingSlots, item.sender.id, -item.count);
  }
}

const subjectsOf = ({ command: { groupId, sender } }: GroupItem): string[] => [groupId, sender.id];

function add(counts: Map<string, number>, id: string, change: number): void {
  const count = (counts.get(id) ?? 0) + change;
  if (count === 0) counts.delete(id);
  else counts.set(id, count);
}
