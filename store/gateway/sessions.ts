import type { ClientSession, Filter } from 'mongodb';
import { AppError } from '../../contract/errors';
import { newGatewayId, newGuestHandle, newId } from '../../platform/ids';
import { inboxInId, senderGuardId } from '../../domain/guards';
import { newAgentRow, newGuards } from '../accounts/create-agent';
import { SESSION_KINDS } from '../../contract/gateway';
import type { Agent } from '../schema/collections/agents';
import type { GatewaySession, SessionKind } from '../schema/collections/gateway';
import { makeOrFind } from '../schema/conflicts';
import { withTransaction, type Database } from '../schema/database';
import { READ } from '../schema/reads';
import type { Principal } from './principals';
import { leaveCurrent, whileOneIsCurrent } from './turns';

/** What agents are told of guests (gateway.md §1.1). */
const GUEST_DESCRIPTION = 'Gateway guest';
const GUEST_NAME = 'Visitor';
const GUEST_SETTINGS = { inboxMode: 'open', groupInvitePolicy: 'contacts_only', discoverable: false } as const;

/** Whoever deleted a session sees it nowhere any more. */
const NOT_DELETED: { status: Filter<GatewaySession>['status'] } = { status: { $in: ['active', 'closed'] } };

/** A session of the caller with the agent; null for everybody else's, and for one that never was. */
export function findSession(
  database: Database,
  id: string,
  { principal, agentId }: { principal: Principal; agentId: string },
): Promise<GatewaySession | null> {
  return database.gatewaySessions.findOne({ _id: id, principal: principal.key, agentId, ...NOT_DELETED }, READ);
}

/** A session that is known to be there. @throws AppError SESSION_NOT_FOUND */
export async function loadSession(database: Database, id: string): Promise<GatewaySession> {
  const session = await database.gatewaySessions.findOne({ _id: id, ...NOT_DELETED }, READ);
  if (session === null) throw new AppError('SESSION_NOT_FOUND');
  return session;
}

/** The proven addresses of the users of these sessions, by session id: for themselves and the agent's owner only. */
export async function emailsOf(database: Database, sessions: GatewaySession[]): Promise<Map<string, string>> {
  const ids = [...new Set(sessions.flatMap(({ ownerId }) => ownerId ?? []))];
  const rows = await database.owners.find({ _id: { $in: ids } }, { ...READ, projection: { email: 1 } }).toArray();
  const emails = new Map(rows.map(({ _id, email }) => [_id, email]));
  return new Map(
    sessions.flatMap(({ _id, ownerId, verifiedEmail }) => {
      const email = ownerId === null ? verifiedEmail : emails.get(ownerId);
      return email === undefined ? [] : [[_id, email] as const];
    }),
  );
}

/** The session that turns go to which name none; null: there is none. */
export function findCurrentSession(
  database: Database,
  principal: Principal,
  agentId: string,
): Promise<GatewaySession | null> {
  return database.gatewaySessions.findOne({ principal: principal.key, agentId, isCurrent: true }, READ);
}

/**
 * The current session of the caller with the agent, or with the team, made if there is none. Two at once: the unique index lets one
 * through, the other finds it.
 */
export function currentSession(
  database: Database,
  principal: Principal,
  agentId: string,
  now: Date,
  of: NewCurrent = { kind: 'chat' },
): Promise<GatewaySession> {
  return makeOrFind(async () => {
    const current = await findCurrentSession(database, principal, agentId);
    if (current !== null) return current;
    const made = newSession(principal, agentId, now, { ...of, isCurrent: true });
    // None is left for it: of two first ones at once the second must collide.
    await withTransaction(database, async (transaction) => {
      await insertSession(database, made, transaction);
      await of.also?.(transaction);
    });
    return made.session;
  });
}

/** What a current session is made for, if one is made. */
export interface NewCurrent {
  kind: SessionKind;
  linkId?: string;
  /** Part of the transaction that makes it. */
  also?: (transaction: ClientSession) => Promise<void>;
}

/**
 * A new session, which is the caller's current one from now on, with its guest: row and guards of an account without key
 * or address, in one transaction. A crash before the commit leaves nothing, after it a session without a message.
 */
export async function createSession(
  database: Database,
  principal: Principal,
  agentId: string,
  now: Date,
  title?: string,
): Promise<GatewaySession> {
  const made = newSession(principal, agentId, now, { kind: 'chat', isCurrent: true, title });
  await whileOneIsCurrent(database, agentId, async (transaction) => {
    await leaveCurrent(database, made.session, transaction);
    await insertSession(database, made, transaction);
  });
  return made.session;
}

/** The same beside the caller's current one, which stays: of everything but chats (gateway.md §9.2). */
export async function createSideSession(
  database: Database,
  principal: Principal,
  agentId: string,
  now: Date,
  kind: Exclude<SessionKind, 'chat'>,
): Promise<GatewaySession> {
  const made = newSession(principal, agentId, now, { kind, isCurrent: false });
  await withTransaction(database, (transaction) => insertSession(database, made, transaction));
  return made.session;
}

/** A session and its guest, not stored yet. */
export interface NewSession {
  session: GatewaySession;
  guest: Agent;
}

export function newSession(
  principal: Principal,
  agentId: string,
  now: Date,
  {
    kind,
    isCurrent,
    title,
    linkId,
  }: { kind: SessionKind; isCurrent: boolean; title?: string | undefined; linkId?: string },
): NewSession {
  // Members of a team are added to its guest with their first turns.
  const guest = newGuest(principal, kind === 'team' ? [] : [agentId], now);
  const session: GatewaySession = {
    _id: newGatewayId('session'),
    agentId,
    guestId: guest._id,
    guestHandle: guest.handle,
    conversationId: null,
    principal: principal.key,
    ownerId: principal.ownerId,
    ...(principal.verifiedEmail === null ? {} : { verifiedEmail: principal.verifiedEmail }),
    kind,
    ...(linkId === undefined ? {} : { linkId }),
    status: 'active',
    ...(isCurrent ? { isCurrent } : {}),
    turns: [],
    startedAt: now,
    activeAt: now,
    lastMessageAt: null,
    messageCount: 0,
    ...(title === undefined ? {} : { title }),
  };
  return { session, guest };
}

/** Stores a new session as part of a transaction. */
export async function insertSession(
  database: Database,
  { session, guest }: NewSession,
  transaction: ClientSession,
): Promise<void> {
  await database.gatewaySessions.insertOne(session, { session: transaction });
  await database.agents.insertOne(guest, { session: transaction });
  await database.guards.insertMany(newGuards(guest), { session: transaction });
}

function newGuest(principal: Principal, guestOf: string[], createdAt: Date) {
  const id = newId('agent');
  return newAgentRow({
    id,
    handle: newGuestHandle(),
    email: '',
    // No key has this hash.
    apiKeyHash: `guest:${id}`,
    displayName: principal.displayName ?? GUEST_NAME,
    description: GUEST_DESCRIPTION,
    guestOf,
    settings: GUEST_SETTINGS,
    createdAt,
  });
}

/** Agents that a list of the caller's shows at most besides its own. */
const AGENTS_MAX = 200;

/** The agents that the caller has sessions with, but for deleted ones, by their handles. */
export async function findAgentsWithSessions(database: Database, principal: Principal): Promise<Agent[]> {
  const ids = await database.gatewaySessions.distinct('agentId', { principal: principal.key, ...NOT_DELETED });
  return database.agents
    .find({ _id: { $in: ids }, status: { $ne: 'deleted' } }, { ...READ, sort: { handle: 1 }, limit: AGENTS_MAX })
    .toArray();
}

/** A page of sessions, the last active first. */
export interface SessionsPage {
  agentId: string;
  /** Absent: everybody's, for the agent's owner. */
  principal?: Principal;
  status?: GatewaySession['status'];
  /** Absent: all. */
  kinds?: readonly SessionKind[];
  /** Those that began by then. */
  startedBy?: Date;
  limit: number;
  /** The last row of the page before. */
  after?: { activeAt: Date; id: string };
}

/** In the form that the indexes serve: those of each kind are in the order of lists. */
const inList = ({ agentId, principal, status, kinds = SESSION_KINDS, startedBy }: Omit<SessionsPage, 'limit'>) => ({
  ...(principal === undefined ? {} : { principal: principal.key }),
  agentId,
  kind: { $in: [...kinds] },
  ...(status === undefined ? NOT_DELETED : { status }),
  ...(startedBy === undefined ? {} : { startedAt: { $lte: startedBy } }),
});

export function listSessions(database: Database, page: SessionsPage): Promise<GatewaySession[]> {
  const { limit, after } = page;
  const older =
    after === undefined
      ? {}
      : {
          activeAt: { $lte: after.activeAt },
          $or: [{ activeAt: { $lt: after.activeAt } }, { _id: { $lt: after.id } }],
        };
  return database.gatewaySessions
    .find({ ...inList(page), ...older }, { ...READ, sort: { activeAt: -1, _id: -1 }, limit })
    .toArray();
}

/** How many sessions the caller, or everybody, has with the agent. */
export function countSessions(database: Database, page: Omit<SessionsPage, 'limit' | 'after'>): Promise<number> {
  return database.gatewaySessions.countDocuments(inList(page), READ);
}

/**
 * Takes no more turns; those that are open are for the caller to end. Repeating it changes nothing.
 * @returns the session as it was before
 */
export async function closeSession(database: Database, id: string, at: Date): Promise<GatewaySession | null> {
  return database.gatewaySessions.findOneAndUpdate(
    { _id: id, ...NOT_DELETED },
    [{ $set: { status: 'closed', closedAt: { $ifNull: ['$closedAt', at] } } }, { $unset: 'isCurrent' }],
    { returnDocument: 'before', maxTimeMS: READ.maxTimeMS },
  );
}

/** Gives a session another title. @returns the session as it is then, or null when it is gone */
export function renameSession(database: Database, id: string, title: string): Promise<GatewaySession | null> {
  return database.gatewaySessions.findOneAndUpdate(
    { _id: id, ...NOT_DELETED },
    { $set: { title } },
    { returnDocument: 'after', maxTimeMS: READ.maxTimeMS },
  );
}

/**
 * Deletes a session for its user: it is closed, and its guest, which nobody can write to any more, is gone with the same
 * commit. The agent keeps its side of the conversation. Its open turns are for the caller to end.
 * @returns false when it was deleted before
 */
export function deleteSession(database: Database, { _id, guestId }: GatewaySession, at: Date): Promise<boolean> {
  return withTransaction(database, async (transaction) => {
    const { matchedCount } = await database.gatewaySessions.updateOne(
      { _id, ...NOT_DELETED },
      { $set: { status: 'deleted', closedAt: at }, $unset: { isCurrent: '' } },
      { session: transaction },
    );
    if (matchedCount === 0) return false;
    const guardIds = [senderGuardId(guestId), inboxInId(guestId)];
    await database.guards.updateMany(
      { _id: { $in: guardIds } },
      { $set: { status: 'deleted' }, $inc: { v: 1 } },
      { session: transaction },
    );
    await database.agents.updateOne(
      { _id: guestId },
      { $set: { status: 'deleted', updatedAt: at } },
      { session: transaction },
    );
    return true;
  });
}
