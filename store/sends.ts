import { envelopesOf, type Message, type EnvelopeStatus } from './collections/messages';
import type { Database } from './database';
import { countUndelivered } from './inbox';

/** What a replay shows of a direct message: the recipient's envelope now, and the recipient's backlog. */
export interface ReplayState {
  status: EnvelopeStatus;
  deliveredAt?: Date;
  readAt?: Date;
  recipientHandle: string;
  undelivered: number;
}

/** The current state of a direct message that is sent again (messaging.md §2, "200 replay, direct"). */
export async function describeReplay(database: Database, message: Message): Promise<ReplayState> {
  const recipientId = message.recipientId ?? '';
  const { conversationId, seq } = message;
  const [envelope, recipient, undelivered] = await Promise.all([
    database.envelopes.findOne(envelopesOf(recipientId, conversationId, seq), {
      readConcern: { level: 'majority' },
      maxTimeMS: 5_000,
    }),
    database.agents.findOne({ _id: recipientId }, { projection: { handle: 1 }, maxTimeMS: 5_000 }),
    countUndelivered(database, recipientId),
  ]);
  return {
    status: envelope?.status ?? 'stored',
    deliveredAt: envelope?.deliveredAt,
    readAt: envelope?.readAt,
    recipientHandle: recipient?.handle ?? 'unknown',
    undelivered,
  };
}
