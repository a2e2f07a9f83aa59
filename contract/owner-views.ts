import { z } from 'zod';
import { seqCursor } from './conversations';
import { groupDetailSchema } from './groups';
import {
  OWNER_VIEW_CONVERSATIONS_DEFAULT,
  OWNER_VIEW_EVENTS_DEFAULT,
  OWNER_VIEW_PAGE_DEFAULT,
  OWNER_VIEW_PAGE_MAX,
} from './limits';
import { strictlyNumeric, strictPage } from './paging';
import { presenceSchema } from './presence';

/** What an owner sees of a claimed agent: dashboard.md §5–§7. */

const person = { handle: z.string(), display_name: z.string().nullable(), avatar_url: z.string().nullable() };
const time = z.iso.datetime();

export const ownerViewConversationsQuerySchema = strictPage({
  default: OWNER_VIEW_CONVERSATIONS_DEFAULT,
  max: OWNER_VIEW_PAGE_MAX,
});
export const ownerViewPageQuerySchema = strictPage({ default: OWNER_VIEW_PAGE_DEFAULT, max: OWNER_VIEW_PAGE_MAX });

/** The cursor comes with every page but the first. */
export const ownerViewMessagesQuerySchema = z
  .object({ conversation_id: z.string().min(1), before_seq: seqCursor })
  .transform(({ conversation_id, before_seq }) => ({ conversationId: conversation_id, beforeSeq: before_seq }));

const ownerViewConversationSchema = z.object({
  id: z.string(),
  type: z.enum(['direct', 'group']),
  participants: z.array(z.object(person)),
  group_name: z.string().nullable(),
  group_avatar_url: z.string().nullable(),
  group_member_count: z.int().nullable(),
  last_message_at: time.nullable(),
  last_message_preview: z.string().nullable(),
  last_message_is_own: z.boolean(),
  last_message_type: z.enum(['text', 'structured', 'file', 'system']).nullable(),
  updated_at: time,
  is_muted: z.boolean(),
});
export type OwnerConversationView = z.infer<typeof ownerViewConversationSchema>;
export const ownerViewConversationsSchema = z.object({ conversations: z.array(ownerViewConversationSchema) });

const ownerViewMessageSchema = z.object({
  id: z.string(),
  client_msg_id: z.string(),
  conversation_id: z.string(),
  seq: z.int().min(1),
  type: z.enum(['text', 'structured', 'file', 'system']),
  content: z.looseObject({}),
  metadata: z.looseObject({}),
  created_at: time,
  is_own: z.boolean(),
  sender_handle: z.string().nullable(),
  sender_display_name: z.string().nullable(),
  sender_avatar_url: z.string().nullable(),
  delivery_id: z.string().nullable(),
  status: z.enum(['stored', 'delivered', 'read']),
  delivered_at: time.nullable(),
  read_at: time.nullable(),
});
export const ownerViewMessagesSchema = z.object({ messages: z.array(ownerViewMessageSchema) });

const page = { total: z.int().min(0), limit: z.int().min(1), offset: z.int().min(0) };

const ownerViewContactSchema = z.object({
  ...person,
  description: z.string().nullable(),
  notes: z.string().nullable(),
  added_at: time,
});
export type OwnerContactView = z.infer<typeof ownerViewContactSchema>;
export const ownerViewContactsSchema = z.object({ contacts: z.array(ownerViewContactSchema), ...page });

const ownerViewBlockSchema = z.object({ ...person, blocked_at: time });
export type OwnerBlockView = z.infer<typeof ownerViewBlockSchema>;
export const ownerViewBlocksSchema = z.object({ blocks: z.array(ownerViewBlockSchema), ...page });

export const ownerViewPresenceSchema = presenceSchema;

export const ownerViewProfileSchema = z.object({
  ...person,
  description: z.string().nullable(),
  created_at: time,
  is_own: z.boolean(),
  presence: z.object({
    status: z.enum(['online', 'offline', 'busy']),
    last_seen: time.nullable(),
    custom_message: z.null(),
  }),
});
export type OwnerProfileView = z.infer<typeof ownerViewProfileSchema>;

export const ownerViewGroupSchema = groupDetailSchema;

const aBoolean = z.enum(['true', 'false', '1', '0', '']).transform((word) => word === 'true' || word === '1');

/** A time with any number of fraction digits: the ones behind the milliseconds say where within one a page ended. */
const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** The time in ms and the digits behind it; null for what is no timestamp. */
function parseTimestamp(text: string): { atMs: number; fine: string } | null {
  const [, seconds, fraction = '', zone] = TIMESTAMP.exec(text) ?? [];
  const atMs = Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
  return Number.isNaN(atMs) ? null : { atMs, fine: fraction.slice(3) };
}

export const ownerViewEventsQuerySchema = z
  .object({
    before: z
      .string()
      .optional()
      .transform((text, ctx) => {
        if (text === undefined || text === '') return null;
        const parsed = parseTimestamp(text);
        if (parsed === null) ctx.addIssue({ code: 'custom', message: 'Expected an ISO 8601 timestamp' });
        return parsed;
      }),
    limit: strictlyNumeric({ default: OWNER_VIEW_EVENTS_DEFAULT, min: 1, max: OWNER_VIEW_PAGE_MAX }),
    include_messages: aBoolean.default(false),
  })
  .transform(({ before, limit, include_messages }) => ({ before, limit, includeMessages: include_messages }));

const ownerViewEventSchema = z.object({
  id: z.string(),
  actor_type: z.enum(['owner', 'agent', 'system']),
  /** One of dashboard.md §7; there may be more one day. */
  action: z.string(),
  metadata: z.looseObject({}),
  created_at: time,
});
export type OwnerEventView = z.infer<typeof ownerViewEventSchema>;
export const ownerViewEventsSchema = z.object({
  events: z.array(ownerViewEventSchema),
  next_before: z.string().nullable(),
});

export const ticketSchema = z.object({ ticket: z.uuid(), expires_in: z.int().min(1) });
