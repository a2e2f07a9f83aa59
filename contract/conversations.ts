import { z } from 'zod';
import { HISTORY_PAGE_DEFAULT, HISTORY_PAGE_MAX } from './limits';
import { messageSchema } from './messages';

/** An empty value counts as absent (messaging.md §8). */
const present = (text: string | undefined): text is string => text !== undefined && text !== '';

/** Clamped into the range; unlike elsewhere, what is no number is refused. */
const strictlyNumeric = (range: { default: number; min: number; max: number }) =>
  z
    .string()
    .optional()
    .refine((text) => !present(text) || (text.trim() !== '' && !Number.isNaN(Number(text))), 'Expected a number')
    .transform((text) =>
      present(text) ? Math.min(range.max, Math.max(range.min, Math.floor(Number(text)))) : range.default,
    );

/** A position in a conversation. Numbers beyond what a seq can be mean the end. */
const seqCursor = z
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
