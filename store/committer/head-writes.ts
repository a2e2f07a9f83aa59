import { randomInt } from 'node:crypto';
import type { AnyBulkWriteOperation } from 'mongodb';
import type { GroupHead } from '../../domain/group';
import type { InboxInHead } from '../../domain/heads';
import type { Head } from '../database';

/** One head as it was loaded (null: nobody wrote it yet) and as a commit leaves it. */
export interface HeadChange {
  before: Head | null;
  after: Head;
}

/** What a commit writes of heads; every operation expects the version that was loaded. */
export interface HeadWrites {
  /** Updates first, so that a conflict shows in the first trip. */
  operations: AnyBulkWriteOperation<Head>[];
  /** Heads that `operations` must match or insert, or something changed since the load. */
  count: number;
  /** Every changed head as it is after the write. */
  after: Head[];
}

/** Inboxes of one version that move by the same step. */
interface Advance {
  step: number;
  version: number;
  inboxes: InboxInHead[];
}

/** Fewer inboxes than this are no fan-out, and keep versions of their own. */
const FAN_OUT_MIN = 16;

/**
 * The writes of changed heads. A fan-out moves the same two counters of hundreds of inboxes: those of one version and
 * one step become a single `updateMany`, and all of them get one new random version, so that the next fan-out finds them
 * alike (whoever writes one of them alone adds 1 to it). Versions are only ever compared for equality, and a head has
 * none of them twice.
 */
export function planHeadWrites(changes: HeadChange[]): HeadWrites {
  const writes: HeadWrites = { operations: [], count: changes.length, after: [] };
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

function findAdvances(changes: HeadChange[]): Advance[] {
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
function advanceOf(before: Head, after: Head): { before: InboxInHead; after: InboxInHead } | null {
  if (!isInboxIn(before) || !isInboxIn(after)) return null;
  const step = after.nextPosition - before.nextPosition;
  if (after.enqueued - before.enqueued !== step) return null;
  // Own fields of a plain document: this is where their names get their type.
  for (const name of Object.keys(after) as (keyof InboxInHead)[]) {
    if (before[name] !== after[name] && name !== 'nextPosition' && name !== 'enqueued') return null;
  }
  return { before, after };
}

/** The kind of a head stands in its `_id`. */
function isInboxIn(head: Head): head is InboxInHead {
  return head._id.startsWith('inbox-in:');
}

function updateOf(before: Head, after: Head): AnyBulkWriteOperation<Head> {
  const changed = changedFields(before, after).flatMap(([name, value]) =>
    name === 'missed' && isGroup(before) && isGroup(after)
      ? changedCounts(before.missed, after.missed)
      : [[name, value]],
  );
  const $set: object = Object.fromEntries(changed);
  return { updateOne: { filter: { _id: after._id, v: before.v }, update: { $set, $inc: { v: 1 } } } };
}

/** The kind of a head stands in its `_id`. */
function isGroup(head: Head): head is GroupHead {
  return head._id.startsWith('group:');
}

/** Counts by member: those that grew, unless somebody left. The whole of them with every message would be kilobytes. */
function changedCounts(before: GroupHead['missed'], after: GroupHead['missed']): [string, unknown][] {
  if (Object.keys(before).some((agentId) => after[agentId] === undefined)) return [['missed', after]];
  const grown = Object.entries(after).filter(([agentId, count]) => before[agentId] !== count);
  return grown.map(([agentId, count]) => [`missed.${agentId}`, count]);
}

function changedFields(before: Head, after: Head): [string, unknown][] {
  const old = new Map<string, unknown>(Object.entries(before));
  return Object.entries(after).filter(([name, value]) => old.get(name) !== value);
}
