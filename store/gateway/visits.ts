import type { ClientSession } from 'mongodb';
import { pairId, type PairGuard } from '../../domain/guards';
import type { GatewaySession } from '../schema/collections/gateway';
import type { GatewayLink, GatewayVisit } from '../schema/collections/links';
import { withTransaction, type Database } from '../schema/database';
import { READ } from '../schema/reads';
import { visitorPrincipal } from './principals';
import { currentSession } from './sessions';

/** A visit of this link that has not expired, by the hash of what the visitor calls with; null for any other. */
export function findVisit(
  database: Database,
  { hash, linkId, now }: { hash: string; linkId: string; now: Date },
): Promise<GatewayVisit | null> {
  return database.gatewayVisits.findOne(
    { _id: hash, linkId, $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] },
    READ,
  );
}

/** Keeps a visit. @param transaction absent: by itself */
export async function insertVisit(database: Database, visit: GatewayVisit, transaction?: ClientSession): Promise<void> {
  await database.gatewayVisits.insertOne(visit, { session: transaction });
}

/**
 * The current session of a visitor with the agent of the link, made if there is none: with it the visit is kept for as
 * long as the link, if it is by a session's id, and the link counts one more. A crash leaves all of it or nothing, and
 * then the visitor was told nothing. Two at once: the unique index of current sessions lets one make it.
 */
export function sessionOfVisit(
  database: Database,
  link: Pick<GatewayLink, '_id' | 'agentId'>,
  visit: GatewayVisit,
  now: Date,
): Promise<GatewaySession> {
  const { _id, ...fields } = visit;
  return currentSession(database, visitorPrincipal(visit), link.agentId, now, {
    kind: 'public',
    linkId: link._id,
    also: async (transaction) => {
      if (visit.verifiedEmail === null) {
        const kept = { ...fields, expiresAt: null };
        await database.gatewayVisits.updateOne({ _id }, { $set: kept }, { upsert: true, session: transaction });
      }
      await database.gatewayLinks.updateOne(
        { _id: link._id },
        { $inc: { 'usage.sessions': 1 } },
        { session: transaction },
      );
    },
  });
}

/**
 * Ends the current session of a visitor, and what it was known by unless that is an address; `next` is known from then on.
 * Its open turns are for the caller to end. Repeating it finds no session.
 * @returns the id of the session that ended, or null
 */
export function leaveVisit(
  database: Database,
  visit: GatewayVisit | null,
  next: GatewayVisit,
  at: Date,
): Promise<string | null> {
  return withTransaction(database, async (transaction) => {
    await database.gatewayVisits.insertOne(next, { session: transaction });
    if (visit === null) return null;
    if (visit.verifiedEmail === null) {
      await database.gatewayVisits.deleteOne({ _id: visit._id }, { session: transaction });
    }
    const { key: principal } = visitorPrincipal(visit);
    const session = await database.gatewaySessions.findOneAndUpdate(
      { principal, isCurrent: true },
      { $set: { status: 'closed', closedAt: at }, $unset: { isCurrent: '' } },
      { session: transaction },
    );
    return session?._id ?? null;
  });
}

/** True when the agent has blocked the guest of this session (gateway.md §1.1). */
export async function isBlocked(database: Database, { agentId, guestId }: GatewaySession): Promise<boolean> {
  const guard = await database.guards.findOne({ _id: pairId(agentId, guestId) }, READ);
  // A guard's kind stands in its _id: this is the parse point of the union.
  return (guard as PairGuard | null)?.blockedBy.includes(agentId) ?? false;
}
