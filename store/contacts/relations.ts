import type { ClientSession, Collection, UpdateFilter } from 'mongodb';
import type { AuditAction } from '../../contract/audit-actions';
import { AppError } from '../../contract/errors';
import {
  emptyPair,
  inboxInId,
  isVisible,
  listedId,
  pairId,
  takesIntents,
  type InboxInGuard,
  type PairGuard,
} from '../../domain/guards';
import { agentActor, recordAudit } from '../schema/audit';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';
import { noteComplaint } from './complaints';
import type { Contact } from '../schema/collections/relations';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { intentFor } from '../outbox/intent';
import { requestEvaluation, type EvaluationRequest } from '../outbox/enforcement-requests';

/** Who does it to whom. */
export interface Relation {
  from: string;
  to: string;
  at: Date;
  /** `from` with the key that its call was authenticated with, which the commit proves; absent = it is no call of an agent. */
  caller?: Caller;
}

/** What a change of blocks or reports did. */
export interface RelationChange {
  /** False: it was so before. */
  isNew: boolean;
  /** Present when the change can alter what the community decides about `to`. */
  request: EvaluationRequest | null;
}

/**
 * Records that `from` blocks `to`. The row and the pair's guard change in one transaction, and every send between the
 * two writes that guard: a send racing the block is either committed before it or refused with BLOCKED. A block that
 * counts asks for an evaluation in the same commit; one that does not could change no decision.
 * Repeating it changes nothing, nor the block's time; two at once make one row; a crash leaves all of it or nothing.
 */
export function setBlock(database: Database, relation: Relation): Promise<RelationChange> {
  return withTransactionOnBy(database, turnOf(relation), async (session) => {
    const { isNew, counts } = await writeBlock(database, relation, session);
    const { to: agentId, at } = relation;
    const isAsked = isNew && counts;
    const request = isAsked ? await requestEvaluation(database, { agentId, trigger: 'block', at }, session) : null;
    return { isNew, request };
  });
}

/**
 * The block's part of a transaction: 2 trips, up to 7 when it is new (a guest of a share link: 9).
 * @returns `counts`: whether `to` had written to `from` first (social.md §5.2)
 */
export async function writeBlock(
  database: Database,
  { from, to, at }: Relation,
  session: ClientSession,
): Promise<{ isNew: boolean; counts: boolean }> {
  const pair = await changePair(database, from, to, session, { $addToSet: { blockedBy: from } });
  const counts = pair.initiatedBy === to;
  const { upsertedCount } = await database.blocks.updateOne(
    { _id: `${from}:${to}` },
    { $setOnInsert: { blockerId: from, blockedId: to, createdAt: at, counts, isHidden: false } },
    { upsert: true, session },
  );
  if (upsertedCount === 0) return { isNew: false, counts };
  await announceBlock(database, { from, to, at }, session);
  await recordRelation(database, 'agent.blocked', { from, to, at }, session);
  await noteComplaint(database, { from, to, at }, session);
  return { isNew: true, counts };
}

/** An event in the activity log of the agent who did it. */
export async function recordRelation(
  database: Database,
  action: AuditAction,
  { from, to, at }: Relation,
  session: ClientSession,
): Promise<void> {
  const target = await database.agents.findOne({ _id: to }, { projection: { handle: 1 }, session, ...READ });
  const metadata = { handle: target?.handle ?? null };
  await recordAudit(database, { actor: agentActor(from), action, targetId: from, metadata, at }, session);
}

/** The webhook `contact.blocked` (social.md §3.3): only for a blocked agent that has webhooks and is neither fully paused nor suspended. */
async function announceBlock(database: Database, { from, to, at }: Relation, session: ClientSession): Promise<void> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(to) }, { session });
  if (inbox === null || !takesIntents(inbox)) return;
  const blocker = await database.agents.findOne({ _id: from }, { projection: { handle: 1 }, session });
  if (blocker === null) return;
  await database.outbox.insertOne(
    { ...intentFor(inbox, at), kind: 'contact.blocked', blockedBy: blocker.handle },
    { session },
  );
}

/**
 * Takes the block back. One that counted asks for an evaluation, whatever the state of `to` seems to be: an evaluation
 * that still saw the block may be about to commit.
 * @returns `isNew` false: there was none
 */
export function removeBlock(database: Database, { from, to, at, caller }: Relation): Promise<RelationChange> {
  return withTransactionOnBy(database, turnOf({ from, to, caller }), async (session) => {
    const pair = await changePair(database, from, to, session, { $pull: { blockedBy: from } });
    const gone = await database.blocks.findOneAndDelete({ _id: `${from}:${to}` }, { session });
    if (gone === null) return { isNew: false, request: null };
    await recordRelation(database, 'agent.unblocked', { from, to, at }, session);
    if (pair.initiatedBy === null) {
      // From now on `to` may write first, and then a report of `from` counts.
      const report = { reporterId: from, reportedId: to };
      await database.reports.updateOne(report, { $set: { isUndecided: true } }, { session });
    }
    const request = gone.counts
      ? await requestEvaluation(database, { agentId: to, trigger: 'unblock', at }, session)
      : null;
    return { isNew: true, request };
  });
}

/**
 * Adds `to` to the contact book of `from`: decides who passes `contacts_only`. An existing entry keeps its time, and
 * its note unless `note` is given. The guard `listed:<to>` is written by changes of the account's visibility too, so an
 * entry is never made for an account that was hidden before.
 * @throws AppError AGENT_NOT_FOUND when the account is suspended or deleted at the commit
 */
export async function addContact(
  database: Database,
  { from, to, at, note, caller }: Relation & { note?: string | null },
): Promise<Contact> {
  return withTransactionOnBy(database, turnOf({ from, to, caller }), async (session) => {
    await changePair(database, from, to, session, { $addToSet: { contactsOf: from } });
    await database.guards.updateOne({ _id: listedId(to) }, { $inc: { v: 1 } }, { upsert: true, session });
    const target = await database.agents.findOne(
      { _id: to },
      { projection: { handle: 1, status: 1 }, session, ...READ },
    );
    if (target === null || !isVisible(target.status)) throw new AppError('AGENT_NOT_FOUND');
    const { handle } = target;
    const entry = await database.contacts.findOneAndUpdate(
      { _id: `${from}:${to}` },
      {
        ...(note === undefined ? {} : { $set: { note } }),
        $setOnInsert: {
          ownerId: from,
          contactId: to,
          handle,
          ...(note === undefined ? { note: null } : {}),
          addedAt: at,
          isHidden: false,
        },
      },
      { upsert: true, returnDocument: 'after', session },
    );
    if (entry === null) throw new Error('an upsert returned nothing');
    return entry;
  });
}

/** Removes `to` from the contact book of `from`. An established conversation stays. @returns whether it was there */
export async function removeContact(database: Database, { from, to, caller }: Omit<Relation, 'at'>): Promise<boolean> {
  return withTransactionOnBy(database, turnOf({ from, to, caller }), async (session) => {
    await changePair(database, from, to, session, { $pull: { contactsOf: from } });
    const { deletedCount } = await database.contacts.deleteOne({ _id: `${from}:${to}` }, { session });
    return deletedCount > 0;
  });
}

/** Whoever writes the two's guard takes turns. */
export const turnOf = ({ from, to, caller }: { from: string; to: string; caller?: Caller | undefined }) => ({
  id: pairId(from, to),
  caller,
});

/**
 * Writes the guard that every send between the two writes too; creates it when the two never met. The first operation
 * of its transaction and without a read before it: so it competes with a stream of sends for one moment only.
 * @returns the guard after the change; an empty one when there was nothing to take out
 */
async function changePair(
  database: Database,
  one: string,
  other: string,
  session: ClientSession,
  change: UpdateFilter<PairGuard>,
): Promise<PairGuard> {
  const _id = pairId(one, other);
  const { _id: _, v: _v, blockedBy: _b, contactsOf: _c, ...rest } = emptyPair(_id);
  // The guard's kind stands in its _id: this is the parse point of the union.
  const pairs = database.guards as unknown as Collection<PairGuard>;
  const isRemoval = '$pull' in change;
  const after = await pairs.findOneAndUpdate(
    { _id },
    { ...change, $inc: { v: 1 }, ...(isRemoval ? {} : { $setOnInsert: { ...rest, ...otherList(change) } }) },
    { upsert: !isRemoval, returnDocument: 'after', session },
  );
  return after ?? emptyPair(_id);
}

/** An insert may not set the list that the same update adds to. */
function otherList(change: UpdateFilter<PairGuard>): Partial<PairGuard> {
  return change.$addToSet !== undefined && 'blockedBy' in change.$addToSet ? { contactsOf: [] } : { blockedBy: [] };
}
