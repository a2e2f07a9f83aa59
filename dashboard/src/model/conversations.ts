import type { ConversationRow, Message } from './wire';
import { previewOf, titleOf } from './names';

/** The rows that a search finds: name, handle and preview, whatever the case. */
export function searchRows(rows: readonly ConversationRow[], search: string): ConversationRow[] {
  const words = search.trim().toLowerCase().split(/\s+/);
  return rows.filter((row) => {
    const text = [titleOf(row), ...row.participants.map(({ handle }) => `@${handle}`), row.last_message_preview ?? ''];
    const line = text.join('\n').toLowerCase();
    return words.every((word) => line.includes(word));
  });
}

/**
 * The rows after a live message: its conversation comes to the top with the new preview. Null when the conversation is not
 * among them: the list has to be read again. A message that the row already tells of changes nothing.
 */
export function withMessage(rows: readonly ConversationRow[], message: Message): ConversationRow[] | null {
  const row = rows.find(({ id }) => id === message.conversation_id);
  if (row === undefined) return null;
  if (row.last_message_at !== null && row.last_message_at > message.created_at) return [...rows];
  const updated: ConversationRow = {
    ...row,
    last_message_at: message.created_at,
    last_message_preview: previewOf(message),
    last_message_is_own: message.is_own,
    last_message_type: message.type,
    updated_at: message.created_at,
  };
  return [updated, ...rows.filter((other) => other !== row)];
}

/** A further page behind the rows that are there; what moved between the two reads stands once. */
export function withPage(rows: readonly ConversationRow[], page: readonly ConversationRow[]): ConversationRow[] {
  const known = new Set(rows.map(({ id }) => id));
  return [...rows, ...page.filter(({ id }) => !known.has(id))];
}
