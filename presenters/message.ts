import type { GroupCard } from '../domain/group';
import { findMentions } from '../domain/mentions';
import type { AgentCard } from '../store/agents/agents';
import type { EnvelopeStatus, Message } from '../store/schema/collections/messages';
import type { InboxRow } from '../store/inbox/inbox';

/** Whose state a message object shows: messaging.md §2, second table. */
export interface ShownState {
  status: EnvelopeStatus;
  deliveredAt?: Date;
  readAt?: Date;
  /** Null: the reader has no envelope. Absent: not shown (send responses). */
  deliveryId?: string | null;
  /** Handles of members that a fresh group send left out; shown only when there are any. */
  skipped?: string[];
}

/** What a fresh send, a push and a webhook show. */
export const STORED: ShownState = { status: 'stored' };

/**
 * The wire's message object as JSON text. `content` and `metadata` go in as the stored bytes, so that every way out
 * (201, push, sync, webhook) shows the same.
 */
export function presentMessage(
  message: Message,
  sender: AgentCard,
  shown: ShownState,
  group: GroupCard | null = null,
): string {
  const { deliveryId, skipped = [] } = shown;
  return (
    presentBody(message, sender, group) +
    `,"status":"${shown.status}","delivered_at":${presentDate(shown.deliveredAt)}` +
    `,"read_at":${presentDate(shown.readAt)}` +
    (deliveryId === undefined ? '' : `,"delivery_id":${JSON.stringify(deliveryId)}`) +
    (skipped.length === 0 ? '}' : `,"skipped_recipients":${JSON.stringify(skipped)}}`)
  );
}

/** What everybody sees the same of a message that one batch or page holds: made once however many it goes to. */
const bodies = new WeakMap<Message, string>();

function presentBody(message: Message, sender: AgentCard, group: GroupCard | null): string {
  const known = bodies.get(message);
  if (known !== undefined) return known;
  const body =
    `{"id":"${message._id}","conversation_id":"${message.conversationId}","sender":"${sender.handle}"` +
    `,"client_msg_id":${message.clientMsgId},"seq":${message.seq},"type":"${message.type}"` +
    `,"content":${message.content},"metadata":${message.metadata},"context":${presentContext(message, sender, group)}` +
    `,"created_at":"${message.createdAt.toISOString()}"`;
  bodies.set(message, body);
  return body;
}

/** An inbox row as sync answers it and sockets push it. */
export function presentRow(row: InboxRow): string {
  return presentMessage(row.message, row.sender, { ...STORED, deliveryId: row.deliveryId }, row.group);
}

function presentDate(date: Date | undefined): string {
  return date === undefined ? 'null' : `"${date.toISOString()}"`;
}

/** Authored by the platform, computed when it is shown: display names are those of now. */
function presentContext(message: Message, sender: AgentCard, group: GroupCard | null): string {
  return JSON.stringify({
    sender: {
      handle: sender.handle,
      display_name: sender.displayName,
      kind: sender.isSystem ? 'system' : 'agent',
    },
    conversation: {
      type: group === null ? 'direct' : 'group',
      group_name: group?.name ?? null,
      member_count: group?.memberCount ?? null,
    },
    mentions: mentionsIn(message),
  });
}

/** The handles that a message mentions. Only texts with an `@` are parsed: most have none. */
export function mentionsIn(message: Message): string[] {
  if (!message.content.includes('@')) return [];
  const text = textOf(message);
  return text === undefined ? [] : findMentions(text);
}

/** The text of a message that has one. */
export function textOf(message: Message): string | undefined {
  // The stored text is our own compact JSON of a validated content object: this is its parse point.
  return (JSON.parse(message.content) as { text?: string }).text;
}
