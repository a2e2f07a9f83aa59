import { z } from 'zod';
import { executionLogQuerySchema } from './gateway';
import {
  LINK_NAME_LENGTH_MAX,
  LINK_WELCOME_LENGTH_MAX,
  PUBLIC_WAIT_SECONDS_DEFAULT,
  PUBLIC_WAIT_SECONDS_MAX,
} from './limits';
import { optional } from './optional';
import { emailSchema } from './registration';
import { boundedText } from './text';

const time = z.iso.datetime();
const count = z.number().int();
const TOKEN = 'pD4rUuX2s8WkZ6eC1mRt5vNq7yBg3hJk';
const SESSION_ID = 'b3JkZXItNDcxMS1hdHRlbQ';

const expiresAt = z.iso
  .datetime({ offset: true })
  .nullish()
  .meta({ examples: ['2099-01-01T00:00:00.000Z'] });
const name = boundedText({ max: LINK_NAME_LENGTH_MAX }).nullish();
const welcome = boundedText({ max: LINK_WELCOME_LENGTH_MAX }).nullish();
const maxMessages = count
  .min(1)
  .max(1_000_000_000)
  .nullish()
  .meta({ examples: [100] });

/** gateway.md §6.1: share links of an agent. Of what is not named nothing changes; null takes it away. */
export const createLinkSchema = z.object({
  name,
  expires_at: expiresAt,
  require_email: optional(z.boolean()),
  max_messages: maxMessages,
  welcome,
});
export const updateLinkSchema = createLinkSchema.extend({ enabled: optional(z.boolean()) });

const link = z.object({
  id: z.string().meta({ examples: ['lnk_Kq3d0Zr5mTt1WbYp'] }),
  agent_name: z.string(),
  name: z.string().nullable(),
  token_prefix: z.string(),
  enabled: z.boolean(),
  require_email: z.boolean(),
  expires_at: time.nullable(),
  max_messages: count.nullable(),
  welcome: z.string().nullable(),
  created_at: time,
});
export const linkSchema = link.meta({ id: 'PublicLink' });
export const linksSchema = z.array(linkSchema);
export const linkSecretSchema = link
  .extend({ token: z.string(), url: z.string().meta({ examples: [`https://chat.example.com/c/${TOKEN}`] }) })
  .meta({ id: 'PublicLinkWithToken' });
export const linkUsageSchema = link
  .extend({
    usage: z.object({ sessions: count, messages: count, last_used_at: time.nullable(), unique_ips: count }),
  })
  .meta({ id: 'PublicLinkWithUsage' });

/** By what a visitor is known again: the id of its session, or what it got for a mailed code. */
const credentials = {
  session_id: optional(z.string().meta({ examples: [SESSION_ID] })),
  session_token: optional(z.string()),
};

/** gateway.md §6.2: what a visitor says. Its size is checked after its type, with a code of its own. */
export const publicChatSchema = z.object({
  message: z.string().refine((text) => text.trim() !== '', 'Expected a text'),
  ...credentials,
  async_mode: optional(z.boolean()),
  stream: optional(z.boolean()),
  timeout_seconds: count
    .min(1)
    .max(PUBLIC_WAIT_SECONDS_MAX)
    .nullish()
    .transform((seconds) => seconds ?? PUBLIC_WAIT_SECONDS_DEFAULT)
    .meta({ default: PUBLIC_WAIT_SECONDS_DEFAULT }),
});
const sessionId = z.string().meta({ examples: [SESSION_ID] });
export const publicAnswerSchema = z.object({
  response: z.string(),
  session_id: sessionId,
  execution_id: z.string(),
  status: z.literal('completed'),
  message_count: count,
  usage: z.object({ input_tokens: count, output_tokens: count }).nullable(),
});
export const publicAcceptedSchema = z.object({
  status: z.literal('accepted'),
  execution_id: z.string(),
  agent_name: z.string(),
  session_id: sessionId,
  async_mode: z.literal(true),
});

export const visitorQuerySchema = z.object({ session_id: z.string().optional(), session_token: z.string().optional() });
export const publicStreamQuerySchema = visitorQuerySchema.extend(executionLogQuerySchema.pick({ after: true }).shape);
export const publicHistorySchema = z.object({
  messages: z.array(z.object({ role: z.enum(['user', 'assistant']), content: z.string(), timestamp: time })),
  session_id: sessionId.nullable(),
  message_count: count,
});
export const publicLinkStateSchema = z.object({
  valid: z.boolean(),
  reason: z.literal('invalid_or_expired').optional(),
  require_email: z.boolean(),
  agent_available: z.boolean(),
  agent_display_name: z.string().nullable(),
  agent_description: z.string().nullable(),
  welcome: z.string().nullable(),
});
export const publicStatusSchema = z.object({
  execution_id: z.string(),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  response: z.string().nullable(),
  error: z.string().nullable(),
});
export const publicTerminateSchema = z.object({ ...credentials, reason: optional(z.string()) });
export const publicClearedSchema = z.object({ cleared: z.literal(true), new_session_id: sessionId });

/** gateway.md §6.2: visitors of a link that asks for an address. */
const token = z.string().meta({ examples: [TOKEN] });
export const visitorCodeSchema = z.object({ token, email: emailSchema });
export const visitorProofSchema = visitorCodeSchema.extend({ code: boundedText({ min: 6, max: 6 }) });
export const visitorCodeSentSchema = z.object({ message: z.string(), expires_in_seconds: count });
export const visitorProvenSchema = z.object({ verified: z.literal(true), session_token: z.string(), expires_at: time });

export type LinkView = z.infer<typeof linkSchema>;
export type LinkUsageView = z.infer<typeof linkUsageSchema>;
export type PublicChatBody = z.output<typeof publicChatSchema>;
export type PublicLinkStateView = z.infer<typeof publicLinkStateSchema>;
