import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import type { GatewayContact } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** A user, through whatever it calls, and an agent of somebody else. */
export interface Acquaintances {
  ownerId: string;
  agentId: string;
}

const contactId = ({ ownerId, agentId }: Acquaintances): string => `${ownerId}:${agentId}`;

/**
 * True when the user has written to the agent before and may go on: said before anything is stored for its turn, whose
 * transaction decides (`takeContact`).
 * @throws AppError AWAITING_REPLY
 */
export async function isAcquainted(database: Database, pair: Acquaintances): Promise<boolean> {
  const known = await database.gatewayContacts.findOne({ _id: contactId(pair) }, READ);
  if (known?.answeredAt === null) throw awaitingReply(known);
  return known !== null;
}

const awaitingReply = ({ createdAt }: Pick<GatewayContact, 'createdAt'>): AppError =>
  new AppError('AWAITING_REPLY', { waiting_since: createdAt.toISOString() });

/**
 * Takes a turn of a user with an agent of somebody else, in the transaction that stores it: the first one, or any after the
 * agent has answered. Two first ones at once write the same document, so one finds the other.
 * @throws AppError AWAITING_REPLY
 */
export async function takeContact(
  database: Database,
  pair: Acquaintances,
  at: Date,
  transaction: ClientSession,
): Promise<void> {
  const known = await database.gatewayContacts.findOne({ _id: contactId(pair) }, { session: transaction });
  if (known?.answeredAt === null) throw awaitingReply(known);
  if (known !== null) return;
  await database.gatewayContacts.insertOne(
    { _id: contactId(pair), ownerId: pair.ownerId, agentId: pair.agentId, answeredAt: null, createdAt: at },
    { session: transaction },
  );
}

/** The agent has written to the user. Repeating it changes nothing. */
export async function noteAnswered(
  database: Database,
  pair: Acquaintances,
  at: Date,
  transaction: ClientSession,
): Promise<void> {
  await database.gatewayContacts.updateOne(
    { _id: contactId(pair), answeredAt: null },
    { $set: { answeredAt: at } },
    { session: transaction },
  );
}
