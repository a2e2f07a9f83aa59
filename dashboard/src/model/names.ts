import type { ConversationRow, Message } from './wire';

const PREVIEW_LENGTH_MAX = 140;

/** What an agent is called: its display name, else its handle. */
export function nameOf(agent: { handle: string; display_name: string | null }): string {
  return agent.display_name?.trim() || `@${agent.handle}`;
}

/** What a conversation is called. A counterparty that was purged has no name any more. */
export function titleOf(row: Pick<ConversationRow, 'type' | 'participants' | 'group_name'>): string {
  if (row.type === 'group') return row.group_name?.trim() || 'Unnamed group';
  const [peer] = row.participants;
  return peer === undefined ? 'Deleted agent' : nameOf(peer);
}

/** The letter in an agent's circle when it has no picture: of the handle, so that it stays when the name changes. */
export function initialOf(handle: string): string {
  return firstLetter(handle.replace(/^@/, '')) || '?';
}

/** The letter in a group's circle, `G` for a group without a name. */
export function groupInitialOf(name: string | null): string {
  return firstLetter((name ?? '').trim()) || 'G';
}

function firstLetter(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase();
}

/** The preview of a live message, by the server's rule (dashboard.md §5), so that a reload changes nothing. */
export function previewOf(message: Pick<Message, 'type' | 'content'>): string | null {
  switch (message.type) {
    case 'text':
      return shortened(textOf(message) ?? '');
    case 'file':
      return 'Attachment';
    case 'system':
      return 'System update';
    default:
      return `[${message.type}]`;
  }
}

/** The text of a message that has one. */
export function textOf(message: Pick<Message, 'content'>): string | null {
  const { text } = message.content;
  return typeof text === 'string' ? text : null;
}

function shortened(text: string): string | null {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return null;
  if (line.length <= PREVIEW_LENGTH_MAX) return line;
  const cut = line.slice(0, PREVIEW_LENGTH_MAX - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** The line below a conversation's title. */
export function previewLine(row: ConversationRow): string {
  const preview = row.last_message_preview ?? (row.last_message_at === null ? 'No messages yet' : 'Empty message');
  return row.last_message_is_own ? `You: ${preview}` : preview;
}

/** The line below a group's name. */
export function membersText(count: number | null): string {
  if (count === null) return 'Group';
  return count === 1 ? '1 member' : `${count} members`;
}
