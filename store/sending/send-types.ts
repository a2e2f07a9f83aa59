import type { AgentCard } from '../agents/agents';
import type { Message, MessageType } from '../schema/collections/messages';
import type { InboxRow } from '../inbox/inbox';
import type { GroupCard } from '../../domain/group';
import type { PauseMode } from '../../domain/guards';

export interface SendingAgent {
  id: string;
  handle: string;
  isSystem: boolean;
  keyVersion: number;
  /**
   * True: the caller was not looked up for this send but remembered from an earlier request. An accepted send proves
   * status and key version by the guard document that it writes; any other outcome proves nothing and is `unproven`.
   */
  isCached: boolean;
}

/** What every validated send has; texts are compact JSON already. */
interface Send {
  sender: SendingAgent;
  clientMsgId: string;
  type: Exclude<MessageType, 'system'>;
  content: string;
  metadata: string;
  /** What its content refers to, null for nothing. */
  attachmentId: string | null;
}

export interface SendCommand extends Send {
  /** Normalised handle of the recipient. */
  to: string;
  /** Its recipient has heard it already: a line of a talk, by a guest (gateway.md §7). It is history, and not pushed. */
  isHeard?: true;
}

export interface GroupSendCommand extends Send {
  groupId: string;
}

/** What became of a send that was not refused. `backlog` is what `X-Backlog-Warning` tells, null below the warning line. */
export type SendOutcome =
  | {
      kind: 'accepted';
      message: Message;
      sender: AgentCard;
      backlog: number | null;
      /** Null for direct messages. */
      group: GroupCard | null;
      /** Handles of members that got no envelope because of their backlog. */
      skipped: string[];
    }
  | { kind: 'replayed'; message: Message }
  | { kind: 'unproven' };

/** A change was decided; its caller has the value. */
export interface ChangeSettled {
  kind: 'decided';
  /** By a try before this one, whose answer was lost. */
  isEarlier: boolean;
}

/** One envelope of a finished commit, for live delivery. */
export interface Committed {
  recipientId: string;
  row: InboxRow;
  pausedByOwner: PauseMode;
}

/** A message to a guest of the gateway, which is not delivered but settles a turn (`store/gateway/replies.ts`). */
export interface GuestReply {
  guestId: string;
}
