import type { ClientSession } from 'mongodb';
import { inboxInId, listedId, senderGuardId, type AccountStatus, type StatusSource } from '../../domain/guards';
import { newOutboxId } from '../../platform/ids';
import { withTransaction, type Database } from '../schema/database';
import { writeListed } from '../contacts/directory';
import { settleVisibility } from './visibility';
import { writeInboxFacts } from './silence';

/**
 * Facts about an account that decide sends. Each changes the agent's row (authentication), its `sender` guard (what it
 * may send) and its `inbox-in` guard (what reaches it) in one transaction, so a racing send is before it or sees it.
 */

/** Sets the account state. `deleted` has its own transaction. */
export async function setStatus(
  database: Database,
  agentId: string,
  status: Exclude<AccountStatus, 'deleted'>,
  at: Date,
): Promise<void> {
  await withTransaction(database, (session) => writeStatus(database, agentId, { status }, at, session));
  await settleVisibility(database, agentId);
}

/**
 * The account state's part of a transaction. When the account becomes visible or hidden, contact books follow: their
 * row in the outbox makes lists right from this commit on.
 */
export async function writeStatus(
  database: Database,
  agentId: string,
  facts: { status: AccountStatus; statusSource?: StatusSource },
  at: Date,
  session: ClientSession,
): Promise<void> {
  await writeFacts(database, agentId, facts, at, session);
  await writeListed(database, agentId, session);
  await database.guards.updateOne({ _id: listedId(agentId) }, { $inc: { v: 1 } }, { upsert: true, session });
  await database.outbox.insertOne(
    { _id: newOutboxId(), kind: 'contacts.visibility', targetId: agentId, createdAt: at },
    { session },
  );
  if (facts.status !== 'suspended' && facts.status !== 'deleted') return;
  // Who waits for an answer of the agent waits in vain.
  const failure = facts.status === 'suspended' ? 'agent_suspended' : 'agent_deleted';
  await database.outbox.insertOne(
    { _id: newOutboxId(), kind: 'turns.cut', targetId: agentId, failure, createdAt: at },
    { session },
  );
}

async function writeFacts(
  database: Database,
  agentId: string,
  facts: { status: AccountStatus; statusSource?: StatusSource },
  at: Date,
  session: ClientSession,
): Promise<void> {
  const { statusSource: _, ...inboxFacts } = facts;
  await lockGuards(database, agentId, session);
  await writeInboxFacts(database, agentId, inboxFacts, at, session);
  await bump(database, senderGuardId(agentId), facts, session);
  await database.agents.updateOne({ _id: agentId }, { $set: { ...facts, updatedAt: at } }, { session });
}

/**
 * Writes both guards that sends compete for, in one command and before anything else of a transaction, then the row that
 * all other calls of the agent write (`proveCaller`): so a fact competes with a stream of them for a moment only, and is
 * not put off for as long as it lasts.
 */
export async function lockGuards(database: Database, agentId: string, session: ClientSession): Promise<void> {
  const update = { $inc: { v: 1 } };
  await database.guards.bulkWrite(
    [senderGuardId(agentId), inboxInId(agentId)].map((_id) => ({ updateOne: { filter: { _id }, update } })),
    { session },
  );
  await database.agents.updateOne({ _id: agentId }, { $inc: { provenWrites: 1 } }, { session });
}

/** Every change of a guard document moves its version: a send that loaded the old one decides anew. */
async function bump(database: Database, guardId: string, facts: object, session: ClientSession): Promise<void> {
  await database.guards.updateOne({ _id: guardId }, { $set: facts, $inc: { v: 1 } }, { session });
}
