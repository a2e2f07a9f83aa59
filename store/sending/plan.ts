import type { AnyBulkWriteOperation } from 'mongodb';
import type { AppError } from '../../contract/errors';
import type { InboxInGuard } from '../../domain/guards';
import type { OwnerNote } from '../../platform/bus';
import { newId } from '../../platform/ids';
import type { AgentCard } from '../agents/agents';
import type { GroupDeletion, Invitation, Membership } from '../schema/collections/groups';
import { envelopeId, type Envelope, type Message } from '../schema/collections/messages';
import type { OutboxRow } from '../schema/collections/outbox';
import type { Contact } from '../schema/collections/relations';
import { intentFor } from '../outbox/intent';
import type { AvatarMove, LaneItem, SendItem } from './items';
import type { BatchState } from './send-state';
import type { ChangeSettled, Committed, GuestReply, SendOutcome } from './send-types';

export type Settled = SendOutcome | ChangeSettled | AppError;

/** What one commit writes besides the changed guards, and what its items are told once it is durable. */
export interface SendPlan {
  messages: Message[];
  envelopes: Envelope[];
  contacts: Contact[];
  memberships: AnyBulkWriteOperation<Membership>[];
  invitations: AnyBulkWriteOperation<Invitation>[];
  deletions: GroupDeletion[];
  avatars: (AvatarMove & { at: Date })[];
  outbox: OutboxRow[];
  committed: Committed[];
  /** What agents wrote to guests of the gateway. */
  replies: GuestReply[];
  /** What dashboards of owners are told of the commit, the sender's before the recipients'. */
  ownerNotes: OwnerNote[];
  /** Groups that a change of this batch was decided for: the rows of a second one were read before it. */
  changedGroups: Set<string>;
  /** Items that are missing here need a fresh state (see `decideSends`). */
  outcomes: Map<LaneItem, Settled>;
}

export interface DecideOptions {
  now: Date;
  commitId: string;
  limitRate: boolean;
}

export function emptyPlan(): SendPlan {
  return {
    messages: [],
    envelopes: [],
    contacts: [],
    memberships: [],
    invitations: [],
    deletions: [],
    avatars: [],
    outbox: [],
    committed: [],
    replies: [],
    ownerNotes: [],
    changedGroups: new Set(),
    outcomes: new Map(),
  };
}

/** The display name is the one that this commit's version of the sender's guard has. */
export function cardOf(item: SendItem, state: BatchState): AgentCard {
  const { id, handle, isSystem } = item.command.sender;
  return { handle, displayName: state.guards.sender(id)?.displayName ?? null, isSystem };
}

/** A send as the message that it becomes. */
export function newMessage(
  item: SendItem,
  place: Pick<Message, 'conversationId' | 'seq' | 'recipientId' | 'createdAt' | 'commitId'>,
): Message {
  const { command } = item;
  return {
    _id: newId('message'),
    senderId: command.sender.id,
    clientKey: item.clientKey,
    clientMsgId: JSON.stringify(command.clientMsgId),
    type: command.type,
    content: command.content,
    metadata: command.metadata,
    ...place,
  };
}

export function newEnvelope(
  message: Message,
  { recipientId, position, muted }: Pick<Envelope, 'recipientId' | 'position'> & { muted: boolean },
): Envelope {
  return {
    _id: envelopeId(recipientId, position),
    recipientId,
    position,
    messageId: message._id,
    conversationId: message.conversationId,
    seq: message.seq,
    senderId: message.senderId,
    status: 'stored',
    unread: 'shown',
    createdAt: message.createdAt,
    ...(muted ? { muted } : {}),
  };
}

/** The intent to tell the recipient's webhooks of the message whose envelope is at `position`. */
export function newMessageIntent(message: Message, inbox: InboxInGuard, position: number): OutboxRow {
  const { _id: messageId, conversationId, createdAt } = message;
  return { ...intentFor(inbox, createdAt), kind: 'message.new', messageId, conversationId, position };
}
