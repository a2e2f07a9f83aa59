import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { pairId, type PairGuard } from '../../domain/guards';
import type { GatewayContact } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** A user, through whatever it calls, and an agent of somebody else. */
export interface Acquaintances {
  ownerId: string;
  agentId: string;
}

const contactId = ({ ownerId, agentId }: Acquaintances): string => `${ownerId}:${agentId}`;

/**
 * True when the user has written to the agent before and may go on, for good: an answer is never taken back. False when it
 * has not: then the transaction that stores its turn decides (`takeContact`). Said before anything is stored.
 * @throws AppError AWAITING_REPLY
 */
export async function isAcquainted(database: Database, pair: Acquaintances): Promise<boolean> {
  const known = await database.gatewayContacts.findOne({ _id: contactId(pair) }, READ);
  if (known !== null) await requireAnswer(database, known);
  return known !== null;
}

/**
 * Takes a turn of a user with an agent of somebody else, in the transaction that stores it: the first one, or any after the
 * agent has answered. Two first ones at once write the same document, so one finds the other.
 * @param guestId who writes this turn
 * @throws AppError AWAITING_REPLY
 */
export async function takeContact(
  database: Database,
  { ownerId, agentId, guestId }: Acquaintances & { guestId: string },
  at: Date,
  transaction: ClientSession,
): Promise<void> {
  const _id = contactId({ ownerId, agentId });
  const known = await database.gatewayContacts.findOne({ _id }, { session: transaction });
  if (known !== null) return requireAnswer(database, known, transaction);
  await database.gatewayContacts.insertOne({ _id, ownerId, agentId, guestId, createdAt: at }, { session: transaction });
}

/**
 * That the agent has written to the guest of the first turn stands in their guard document with the commit of its message:
 * who has seen the answer may go on, however far its turn is settled.
 */
async function requireAnswer(
  database: Database,
  { agentId, guestId, createdAt }: GatewayContact,
  session?: ClientSession,
): Promise<void> {
  const read = session === undefined ? SAFE_READ : { ...READ, session };
  const guard = await database.guards.findOne({ _id: pairId(agentId, guestId) }, read);
  // A guard's kind stands in its _id: this is the parse point of the union.
  if ((guard as PairGuard | null)?.established === true) return;
  throw new AppError('AWAITING_REPLY', { waiting_since: createdAt.toISOString() });
}
