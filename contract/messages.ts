import { z } from 'zod';
import { CLIENT_MSG_ID_LENGTH_MAX, SYNC_PAGE_DEFAULT, SYNC_PAGE_MAX } from './limits';
import { optional } from './optional';
import { boundedText } from './text';

/**
 * An opaque JSON object: kept by reference, never copied key by key, so that keys such as `__proto__` survive.
 */
const opaqueObject = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'Expected an object',
  )
  .meta({ type: 'object', additionalProperties: true });

const contentObject = z
  .object({
    text: optional(z.string()),
    data: optional(opaqueObject),
    attachment_id: optional(z.string()),
  })
  .refine((content) => Object.values(content).some((value) => value !== undefined), {
    message: 'At least one of text, data and attachment_id is needed',
  });

/** messaging.md §3.1. A bare string as `content` means `{ text }`. */
export const sendMessageSchema = z
  .object({
    to: optional(z.string().min(1)),
    conversation_id: optional(z.string().min(1)),
    client_msg_id: boundedText({ min: 1, max: CLIENT_MSG_ID_LENGTH_MAX }),
    type: optional(z.enum(['text', 'structured', 'file'])),
    content: z.union([z.string().transform((text) => ({ text })), contentObject]),
    metadata: optional(opaqueObject),
  })
  .refine((body) => (body.to === undefined) !== (body.conversation_id === undefined), {
    message: 'Exactly one of to and conversation_id is needed',
  })
  .meta({ examples: [{ to: '@bob-agent', client_msg_id: '5f2c8a31', content: { text: 'Hello Bob' } }] });

/** The message object of messaging.md §2. */
export const messageSchema = z
  .object({
    id: z.string().meta({ examples: ['msg_pD4rUuX2s8WkZ6eC'] }),
    conversation_id: z.string(),
    sender: z.string(),
    client_msg_id: z.string(),
    seq: z.int().min(1),
    type: z.enum(['text', 'structured', 'file', 'system']),
    content: z.looseObject({}),
    metadata: z.looseObject({}),
    context: z.object({
      sender: z.object({
        handle: z.string(),
        display_name: z.string().nullable(),
        kind: z.enum(['agent', 'system']),
      }),
      conversation: z.object({
        type: z.enum(['direct', 'group']),
        group_name: z.string().nullable(),
        member_count: z.int().nullable(),
      }),
      mentions: z.array(z.string()),
    }),
    status: z.enum(['stored', 'expired', 'delivered', 'read']),
    created_at: z.iso.datetime(),
    delivered_at: z.iso.datetime().nullable(),
    read_at: z.iso.datetime().nullable(),
    delivery_id: z.string().nullable().optional(),
    skipped_recipients: z.array(z.string()).optional(),
  })
  .meta({ id: 'Message' });

/** messaging.md §9.1: strict below 1 and for non-integers, clamped above the maximum, empty = default. */
export const syncQuerySchema = z.object({
  after: z.string().optional(),
  limit: z
    .string()
    .default('')
    .refine((text) => text === '' || (/^\+?\d+$/.test(text) && Number(text) >= 1), 'Expected an integer of at least 1')
    .transform((text) => (text === '' ? SYNC_PAGE_DEFAULT : Math.min(Number(text), SYNC_PAGE_MAX))),
});

export const ackSchema = z.object({ last_delivery_id: z.string().min(1) });
export const ackedSchema = z.object({ acked: z.int().min(0) });
