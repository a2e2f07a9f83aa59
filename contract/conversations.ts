import { z } from 'zod';
import { CONVERSATIONS_PAGE_DEFAULT, CONVERSATIONS_PAGE_MAX, HISTORY_PAGE_DEFAULT, HISTORY_PAGE_MAX } from './limits';
import { messageSchema } from './messages';
import { present, strictlyNumeric, strictPage } from './paging';

/** A position in a conversation. Numbers beyond what a seq can be mean the end. */
export const seqCursor = z
  .string()
  .optional()
  .refine((text) => !present(text) || /^\d+$/.test(text), 'Expected an integer of at least 0')
  .transform((text) => (present(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : undefined));

/** messaging.md §8: at most one of the three cursors. */
export const historyQuerySchema = z
  .object({
    limit: strictlyNumeric({ default: HISTORY_PAGE_DEFAULT, min: 1, max: HISTORY_PAGE_MAX }),
    before_seq: seqCursor,
    after_seq: seqCursor,
    around_message_id: z
      .string()
      .optional()
      .transform((text) => (present(text) ? text : undefined)),
  })
  .refine(
    ({ before_seq, after_seq, around_message_id }) =>
      [before_seq, after_seq, around_message_id].filter((cursor) => cursor !== undefined).length <= 1,
    'At most one of before_seq, after_seq and around_message_id',
  )
  .transform(({ limit, before_seq, after_seq, around_message_id }) => ({
    limit,
    beforeSeq: before_seq,
    afterSeq: after_seq,
    aroundMessageId: around_message_id,
  }));

/** messaging.md §10.1. */
export const readMessageSchema = messageSchema.extend({ ok: z.literal(true) });

/** messaging.md §11.1. */
export const conversationsQuerySchema = strictPage({
  default: CONVERSATIONS_PAGE_DEFAULT,
  max: CONVERSATIONS_PAGE_MAX,
});

export const personSchema = z
  .object({ handle: z.string(), display_name: z.string().nullable(), avatar_url: z.string().nullable() })
  .meta({ id: 'Person' });

export type PersonView = z.infer<typeof personSchema>;

const seqOrNull = z.int().min(1).nullable();

/** messaging.md §11.1: one entry of the list. */
export const conversationSchema = z
  .object({
    id: z.string(),
    type: z.enum(['direct', 'group']),
    participants: z.array(personSchema),
    group_name: z.string().nullable(),
    group_avatar_url: z.string().nullable(),
    group_member_count: z.int().nullable(),
    last_message_preview: z.string().nullable(),
    last_message_is_own: z.boolean(),
    last_message_type: z.enum(['text', 'structured', 'file', 'system']).nullable(),
    last_message_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime(),
    unread_count: z.int().min(0),
    oldest_unread_seq: seqOrNull,
    newest_unread_seq: seqOrNull,
    is_muted: z.boolean(),
  })
  .meta({ id: 'Conversation' });

export type ConversationView = z.infer<typeof conversationSchema>;

/** messaging.md §11.3. */
export const conversationContextSchema = z
  .object({
    conversation_id: z.string(),
    type: z.enum(['direct', 'group']),
    group: z
      .object({
        name: z.string(),
        description: z.string().nullable(),
        member_count: z.int().min(0),
        your_role: z.enum(['admin', 'member']),
      })
      .nullable(),
    counterparty: personSchema.nullable(),
    relationship: z
      .object({ is_contact: z.boolean(), added_at: z.iso.datetime().nullable(), note: z.string().nullable() })
      .nullable(),
    unread: z.object({ count: z.int().min(0), oldest_seq: seqOrNull, newest_seq: seqOrNull }),
  })
  .meta({ id: 'ConversationContext' });

export type ConversationContextView = z.infer<typeof conversationContextSchema>;
