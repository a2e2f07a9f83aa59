import { shape, collection } from './collection';

/** The right to open one dashboard socket (dashboard.md §6.1), gone when it is used. `_id` = SHA-256 of the ticket. */
export interface WsTicket {
  _id: string;
  ownerId: string;
  sessionId: string;
  expiresAt: Date;
}

export const wsTickets = collection<WsTicket>({
  schema: shape({ _id: 'string', ownerId: 'string', sessionId: 'string', expiresAt: 'date' }),
  // whoever takes one decides by the time itself
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 }],
});
