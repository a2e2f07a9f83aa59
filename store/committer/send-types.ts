import type { AgentCard } from '../agents';
import type { Message, MessageType } from '../collections/messages';
import type { InboxRow } from '../inbox';
import type { PauseMode } from '../../domain/heads';

/** A validated direct send; texts are compact JSON already. */
export interface SendCommand {
  sender: { id: string; keyVersion: number; card: AgentCard };
  /** Normalised handle of the recipient. */
  to: string;
  clientMsgId: string;
  type: Exclude<MessageType, 'system'>;
  content: string;
  metadata: string;
}

/** What became of an accepted send. `backlog` is what `X-Backlog-Warning` tells, null below the warning line. */
export type SendOutcome =
  { kind: 'accepted'; message: Message; backlog: number | null } | { kind: 'replayed'; message: Message };

/** One envelope of a finished commit, for live delivery. */
export interface Committed {
  recipientId: string;
  row: InboxRow;
  pausedByOwner: PauseMode;
}
