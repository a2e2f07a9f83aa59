import { createHash, randomUUID } from 'node:crypto';
import { TICKET_SECONDS } from '../../contract/limits';
import type { Database } from '../schema/database';
import { within } from '../schema/deadline';

/** The owner and the session that a socket belongs to. */
export interface TicketHolder {
  ownerId: string;
  sessionId: string;
}

const MS_MAX = 5_000;

const hashOf = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');

/** A fresh ticket, good for one socket on any node within 30 s. */
export async function issueTicket(database: Database, holder: TicketHolder): Promise<string> {
  const ticket = randomUUID();
  const { ownerId, sessionId } = holder;
  // The database's clock counts: a ticket is taken on whatever node the socket comes to.
  const writing = database.wsTickets.updateOne(
    { _id: hashOf(ticket) },
    [{ $set: { ownerId, sessionId, expiresAt: { $add: ['$$NOW', TICKET_SECONDS * 1000] } } }],
    { upsert: true },
  );
  await within(MS_MAX, writing);
  return ticket;
}

/**
 * Uses a ticket up: of any number at once, on any nodes, one gets it. A crash right after loses the ticket, never gives
 * it twice.
 * @returns null for one that is unknown, used or too old
 */
export async function takeTicket(database: Database, ticket: string): Promise<TicketHolder | null> {
  const taking = database.wsTickets.findOneAndDelete(
    { _id: hashOf(ticket), $expr: { $gt: ['$expiresAt', '$$NOW'] } },
    { maxTimeMS: MS_MAX },
  );
  const row = await within(MS_MAX, taking);
  return row === null ? null : { ownerId: row.ownerId, sessionId: row.sessionId };
}
