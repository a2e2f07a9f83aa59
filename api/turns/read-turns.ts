import { AppError, isAppError } from '../../contract/errors';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { createMarkRead, markReadThrough } from '../../store/conversations/read-messages';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import { loadSession } from '../../store/gateway/sessions';
import { broadcastReceipts } from '../realtime/broadcast/read-receipts';
import type { Live } from '../realtime/broadcast/live';

/** Reads for users of the gateway: their guests read, and agents get the receipts that anybody's reading brings. */
export interface TurnReads {
  /** Marks single messages; those that are none of the session's are ignored. */
  markMessages(session: GatewaySession, messageIds: string[]): Promise<void>;
  /** Marks everything up to this number; repeating it changes nothing. */
  markThrough(session: GatewaySession, throughSeq: number): Promise<void>;
  /** Its user has the answer of this turn. Never throws: what is not marked now stays in the inbox. */
  answered(execution: Pick<GatewayExecution, 'sessionId' | 'replies'>): void;
}

export function createTurnReads(deps: { database: Database; live: Live; clock: Clock; log: Logger }): TurnReads {
  const { database, live, clock, log } = deps;
  const markRead = createMarkRead(database);
  const readerOf = ({ guestId, guestHandle }: GatewaySession) => ({ _id: guestId, handle: guestHandle });

  const markMessages: TurnReads['markMessages'] = async (session, messageIds) => {
    for (const messageId of messageIds) {
      const read = await markRead(readerOf(session), messageId, clock.now()).catch((error: unknown) => {
        if (isAppError(error) && error.code === 'MESSAGE_NOT_FOUND') return null;
        throw error;
      });
      broadcastReceipts(live, read?.receipts ?? []);
    }
  };

  return {
    markMessages,
    markThrough: async (session, throughSeq) => {
      const { conversationId } = session;
      if (conversationId === null) throw new AppError('MESSAGE_NOT_FOUND');
      const through = { conversationId, throughSeq };
      broadcastReceipts(live, await markReadThrough(database, readerOf(session), through, clock.now()));
    },
    answered: ({ sessionId, replies }) => {
      const ids = replies.flatMap(({ messageId, isLate }) => (isLate ? [] : [messageId]));
      void loadSession(database, sessionId)
        .then((session) => markMessages(session, ids))
        .catch((error: unknown) => log.warn({ event: 'turn.not_marked_read', err: error }));
    },
  };
}
