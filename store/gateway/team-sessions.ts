import { inboxInId, senderGuardId } from '../../domain/guards';
import { newGatewayId } from '../../platform/ids';
import type { GatewaySession } from '../schema/collections/gateway';
import { makeOrFind } from '../schema/conflicts';
import { withTransaction, type Database } from '../schema/database';
import { READ } from '../schema/reads';

/**
 * The parts of a team session, one for each of these agents, by the agent's id: a direct conversation with the session's
 * guest, made with the first turn of that member. New ones are added to whom the guest is there for in the same commit. A
 * crash before it leaves nothing. Two at once: the unique index of guest and agent lets one through, the other finds it.
 */
export function memberSessions(
  database: Database,
  teamSession: GatewaySession,
  agentIds: string[],
  now: Date,
): Promise<Map<string, GatewaySession>> {
  const { guestId } = teamSession;
  return makeOrFind(async () => {
    const found = await database.gatewaySessions.find({ guestId, agentId: { $in: agentIds } }, READ).toArray();
    const sessions = new Map(found.map((session) => [session.agentId, session]));
    const made = agentIds.filter((id) => !sessions.has(id)).map((id) => newPart(teamSession, id, now));
    if (made.length > 0) await insertParts(database, guestId, made);
    for (const session of made) sessions.set(session.agentId, session);
    return sessions;
  });
}

function newPart(teamSession: GatewaySession, agentId: string, now: Date): GatewaySession {
  const { _id: memberOf, guestId, guestHandle, principal, ownerId } = teamSession;
  return {
    _id: newGatewayId('session'),
    agentId,
    guestId,
    guestHandle,
    conversationId: null,
    principal,
    ownerId,
    kind: 'team',
    memberOf,
    status: 'active',
    turns: [],
    startedAt: now,
    activeAt: now,
    lastMessageAt: null,
    messageCount: 0,
  };
}

async function insertParts(database: Database, guestId: string, parts: GatewaySession[]): Promise<void> {
  const guestOf = { $each: parts.map(({ agentId }) => agentId) };
  await withTransaction(database, async (transaction) => {
    await database.gatewaySessions.insertMany(parts, { session: transaction });
    await database.agents.updateOne({ _id: guestId }, { $addToSet: { guestOf } }, { session: transaction });
    await database.guards.updateMany(
      { _id: { $in: [senderGuardId(guestId), inboxInId(guestId)] } },
      { $addToSet: { guestOf }, $inc: { v: 1 } },
      { session: transaction },
    );
  });
}
