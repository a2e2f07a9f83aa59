import type { ClientSession, Collection } from 'mongodb';
import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { isMuteInForce } from '../../domain/mutes';
import { muteId, type Mute } from '../schema/collections/relations';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';

/** `caller`: the muter with the key of its call, which the commit proves; absent = it is no call of an agent. */
export type NewMute = Pick<Mute, 'muterId' | 'kind' | 'targetId' | 'mutedUntil'> & { at: Date; caller?: Caller };

/**
 * Mutes an agent or a conversation for `muterId`, or gives the mute another end. Row and `inbox-in` guard change in one
 * transaction, and every send to the muter writes that guard: each send after the answer is silent. A repeat changes
 * only the end; two at once follow each other; a crash leaves all of it or nothing.
 * @returns the mute; `createdAt` is that of the first call while it was in force without a break
 */
export function setMute(
  database: Database,
  { muterId, kind, targetId, mutedUntil, at, caller }: NewMute,
): Promise<Mute> {
  const isSinceBefore = { $or: [{ $eq: ['$mutedUntil', null] }, { $gt: ['$mutedUntil', at] }] };
  const createdAt = { $cond: [{ $and: [{ $gt: ['$createdAt', null] }, isSinceBefore] }, '$createdAt', at] };
  return withTransactionOnBy(database, { id: inboxInId(muterId), caller }, async (session) => {
    await touchInbox(database, muterId, session);
    const mute = await database.mutes.findOneAndUpdate(
      { _id: muteId(muterId, targetId) },
      [{ $set: { muterId, kind, targetId, mutedUntil, createdAt } }],
      { upsert: true, returnDocument: 'after', session },
    );
    if (mute === null) throw new Error('an upsert returned nothing');
    return mute;
  });
}

/**
 * Takes a mute back, for every send after the answer. With the last one gone, sends to the agent look for none.
 * @returns whether it was in force
 */
export function clearMute(
  database: Database,
  { muterId, targetId, at, caller }: Pick<NewMute, 'muterId' | 'targetId' | 'at' | 'caller'>,
): Promise<boolean> {
  return withTransactionOnBy(database, { id: inboxInId(muterId), caller }, async (session) => {
    await touchInbox(database, muterId, session);
    const gone = await database.mutes.findOneAndDelete({ _id: muteId(muterId, targetId) }, { session });
    const other = await database.mutes.findOne({ muterId }, { projection: { _id: 1 }, session });
    if (other === null) await inboxes(database).updateOne({ _id: inboxInId(muterId) }, NO_MUTES, { session });
    return gone !== null && isMuteInForce(gone.mutedUntil, at);
  });
}

const NO_MUTES = { $set: { muteVersion: 0 } };

async function touchInbox(database: Database, muterId: string, session: ClientSession): Promise<void> {
  await inboxes(database).updateOne({ _id: inboxInId(muterId) }, { $inc: { muteVersion: 1, v: 1 } }, { session });
}

/** A guard's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInGuard> =>
  database.guards as unknown as Collection<InboxInGuard>;
