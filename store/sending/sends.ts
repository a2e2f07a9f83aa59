import { envelopesOf, type Message, type EnvelopeStatus } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { countUndelivered } from '../inbox/backlog';

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
      ...SAFE_READ,
    }),
    database.agents.findOne({ _id: recipientId }, { projection: { handle: 1 }, ...READ }),
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
