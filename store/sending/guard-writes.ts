import { randomInt } from 'node:crypto';
import type { AnyBulkWriteOperation } from 'mongodb';
import type { GroupGuard } from '../../domain/group';
import type { InboxInGuard } from '../../domain/guards';
import type { Guard } from '../schema/collections/guards';

/** One guard as it was loaded (null: nobody wrote it yet) and as a commit leaves it. */
export interface GuardChange {
  before: Guard | null;
  after: Guard;
}

/** What a commit writes of guards; every operation expects the version that was loaded. */
export interface GuardWrites {
  /** Updates first, so that a conflict shows in the first trip. */
  operations: AnyBulkWriteOperation<Guard>[];
  /** Guards that `operations` must match or insert, or something changed since the load. */
  count: number;
  /** Every changed guard as it is after the write. */
  after: Guard[];
}

/** Inboxes of one version that move by the same step. */
interface Advance {
  step: number;
  version: number;
  inboxes: InboxInGuard[];
}

/** Fewer inboxes than this are no fan-out, and keep versions of their own. */
const FAN_OUT_MIN = 16;

/**
 * The writes of changed guards. A fan-out moves the same two counters of hundreds of inboxes: those of one version and
 * one step become a single `updateMany`, and all of them get one new random version, so that the next fan-out finds them
 * alike (whoever writes one of them alone adds 1 to it). Versions are only ever compared for equality, and a guard has
 * none of them twice.
 */
export function planGuardWrites(changes: GuardChange[]): GuardWrites {
  const writes: GuardWrites = { operations: [], count: changes.length, after: [] };
  const newVersion = randomInt(2 ** 40, 2 ** 47);
  const advances = findAdvances(changes);
  const advancing = new Set(advances.flatMap(({ inboxes }) => inboxes.map(({ _id }) => _id)));
  for (const { step, version, inboxes } of advances) {
    const filter = { _id: { $in: inboxes.map(({ _id }) => _id) }, v: version };
    const update = { $inc: { nextPosition: step, enqueued: step }, $set: { v: newVersion } };
    writes.operations.push({ updateMany: { filter, update } });
    for (const inbox of inboxes) writes.after.push({ ...inbox, v: newVersion });
  }
  for (const { before, after } of changes) {
    if (before === null || advancing.has(after._id)) continue;
    writes.operations.push(updateOf(before, after));
    writes.after.push({ ...after, v: before.v + 1 });
  }
  for (const { before, after } of changes) {
    if (before !== null) continue;
    const document = { ...after, v: 1 };
    writes.operations.push({ insertOne: { document } });
    writes.after.push(document);
  }
  return writes;
}

function findAdvances(changes: GuardChange[]): Advance[] {
  const advances = new Map<string, Advance>();
  for (const { before, after } of changes) {
    const inboxes = before === null ? null : advanceOf(before, after);
    if (inboxes === null) continue;
    const step = inboxes.after.nextPosition - inboxes.before.nextPosition;
    const { v: version } = inboxes.before;
    const key = `${version}:${step}`;
    const advance = advances.get(key) ?? { step, version, inboxes: [] };
    advance.inboxes.push(inboxes.after);
    advances.set(key, advance);
  }
  const found = [...advances.values()];
  return found.reduce((sum, { inboxes }) => sum + inboxes.length, 0) < FAN_OUT_MIN ? [] : found;
}

/** The two states of an inbox that got envelopes and nothing else, or null. */
function advanceOf(before: Guard, after: Guard): { before: InboxInGuard; after: InboxInGuard } | null {
  if (!isInboxIn(before) || !isInboxIn(after)) return null;
  const step = after.nextPosition - before.nextPosition;
  if (after.enqueued - before.enqueued !== step) return null;
  // Own fields of a plain document: this is where their names get their type.
  for (const name of Object.keys(after) as (keyof InboxInGuard)[]) {
    if (before[name] !== after[name] && name !== 'nextPosition' && name !== 'enqueued') return null;
  }
  return { before, after };
}

/** The kind of a guard stands in its `_id`. */
function isInboxIn(guard: Guard): guard is InboxInGuard {
  return guard._id.startsWith('inbox-in:');
}

function updateOf(before: Guard, after: Guard): AnyBulkWriteOperation<Guard> {
  const changed = changedFields(before, after).flatMap(([name, value]) =>
    name === 'missed' && isGroup(before) && isGroup(after)
      ? changedCounts(before.missed, after.missed)
      : [[name, value]],
  );
  const $set: object = Object.fromEntries(changed);
  return { updateOne: { filter: { _id: after._id, v: before.v }, update: { $set, $inc: { v: 1 } } } };
}

/** The kind of a guard stands in its `_id`. */
function isGroup(guard: Guard): guard is GroupGuard {
  return guard._id.startsWith('group:');
}

/** Counts by member: those that grew, unless somebody left. The whole of them with every message would be kilobytes. */
function changedCounts(before: GroupGuard['missed'], after: GroupGuard['missed']): [string, unknown][] {
  if (Object.keys(before).some((agentId) => after[agentId] === undefined)) return [['missed', after]];
  const grown = Object.entries(after).filter(([agentId, count]) => before[agentId] !== count);
  return grown.map(([agentId, count]) => [`missed.${agentId}`, count]);
}

function changedFields(before: Guard, after: Guard): [string, unknown][] {
  const old = new Map<string, unknown>(Object.entries(before));
  return Object.entries(after).filter(([name, value]) => old.get(name) !== value);
}
