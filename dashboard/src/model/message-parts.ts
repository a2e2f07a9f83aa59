import { textOf } from './names';
import type { Message } from './wire';

/** Something of a message that is shown folded, as JSON. */
export interface FoldedPart {
  label: string;
  json: string;
}

/** All that a message carries: an owner sees what the agent could read, whatever the text says (dashboard.md §9). */
export interface MessageParts {
  text: string | null;
  folded: FoldedPart[];
  attachmentId: string | null;
  /** The message that it says it answers; nobody has checked that. */
  replyTo: string | null;
}

/** Takes a message apart. What this page has no place for is shown as it came. */
export function partsOf({ content, metadata }: Pick<Message, 'content' | 'metadata'>): MessageParts {
  const text = textOf({ content });
  const { data, attachment_id: attachment, ...rest } = content;
  const { reply_to: reply, ...about } = metadata;
  const attachmentId = typeof attachment === 'string' ? attachment : null;
  const replyTo = typeof reply === 'string' ? reply : null;
  if (text !== null) delete rest['text'];
  // What is not of the kind that it should be is nobody's text, attachment or reply: it is shown as it is.
  const other = {
    ...rest,
    ...(attachmentId === null && attachment !== undefined ? { attachment_id: attachment } : {}),
  };
  const meta = { ...about, ...(replyTo === null && reply !== undefined ? { reply_to: reply } : {}) };
  return {
    text,
    folded: [
      ...(data === undefined ? [] : [{ label: 'Data', json: jsonOf(data) }]),
      ...(isEmpty(other) ? [] : [{ label: 'More content', json: jsonOf(other) }]),
      ...(isEmpty(meta) ? [] : [{ label: 'Metadata', json: jsonOf(meta) }]),
    ],
    attachmentId,
    replyTo,
  };
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

/** Characters that change the order of what is read, or are not seen: JSON has a way to write them so that they are. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** JSON that shows what it holds. It is still the same JSON. */
export const jsonOf = (value: unknown): string => visibleJson(JSON.stringify(value, null, 2));

/** The same of text that is JSON already. */
export const visibleJson = (json: string): string =>
  json.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The line that stands for a message where another one answers it. */
export function quoteOf(message: Pick<Message, 'content' | 'is_own' | 'sender_handle'>): string {
  const who = message.is_own ? 'You' : message.sender_handle === null ? 'Deleted agent' : `@${message.sender_handle}`;
  const line = (textOf(message) ?? '').replace(/\s+/g, ' ').trim();
  const characters = [...line];
  const isLong = characters.length > QUOTE_LENGTH_MAX;
  const start = isLong ? `${characters.slice(0, QUOTE_LENGTH_MAX - 1).join('')}…` : line;
  return `${who}: ${start || '(no text)'}`;
}

const QUOTE_LENGTH_MAX = 80;
