import type { AgentCard } from '../agents';
import type { Message, MessageType } from '../collections/messages';
import type { InboxRow } from '../inbox';
import type { PauseMode } from '../../domain/heads';

export interface SendingAgent {
  id: string;
  handle: string;
  isSystem: boolean;
  keyVersion: number;
  /**
   * True: the caller was not looked up for this send but remembered from an earlier request. An accepted send proves
   * status and key version by the guarding document that it writes; any other outcome proves nothing and is `unproven`.
   */
  isRecalled: boolean;
}

/** A validated direct send; texts are compact JSON already. */
export interface SendCommand {
  sender: SendingAgent;
  /** Normalised handle of the recipient. */
  to: string;
  clientMsgId: string;
  type: Exclude<MessageType, 'system'>;
  content: string;
  metadata: string;
}

/** What became of a send that was not refused. `backlog` is what `X-Backlog-Warning` tells, null below the warning line. */
export type SendOutcome =
  | { kind: 'accepted'; message: Message; sender: AgentCard; backlog: number | null }
  | { kind: 'replayed'; message: Message }
  | { kind: 'unproven' };

/** One envelope of a finished commit, for live delivery. */
export interface Committed {
  recipientId: string;
  row: InboxRow;
  pausedByOwner: PauseMode;
}
