import { z } from 'zod';
import { answerAttachmentSchema } from './attachments';
import {
  CONVERSATION_TITLE_LENGTH_MAX,
  EXECUTION_LOG_PAGE,
  EXECUTIONS_PAGE,
  KEY_NAME_LENGTH_MAX,
  MARK_READ_IDS_MAX,
  SESSION_MESSAGES_PAGE,
  SESSIONS_PAGE,
  TURN_MODEL_LENGTH_MAX,
  TURN_PROMPT_LENGTH_MAX,
  TURN_WAIT_SECONDS_DEFAULT,
  TURN_WAIT_SECONDS_MAX,
} from './limits';
import { optional } from './optional';
import { clamped, present } from './paging';
import { paymentSchema } from './payments';
import { boundedText } from './text';
import { turnFilesSchema } from './turn-files';
import { usageSchema } from './turn-usage';

/** gateway.md §4.1: what a user says to an agent. Its size is checked after its type, with a code of its own. */
export const chatSchema = z.object({
  message: z.string().refine((text) => text.trim() !== '', 'Expected a text'),
  session_id: optional(z.string()),
  conversation_id: optional(z.string()),
  new_session: optional(z.boolean()),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(TURN_WAIT_SECONDS_MAX)
    .nullish()
    .transform((seconds) => seconds ?? TURN_WAIT_SECONDS_DEFAULT)
    .meta({ default: TURN_WAIT_SECONDS_DEFAULT }),
  stream: optional(z.boolean()),
  include_partial_messages: optional(z.boolean()),
  cancel_on_disconnect: optional(z.boolean()),
  fail_fast: optional(z.boolean()),
  system_prompt: optional(boundedText({ max: TURN_PROMPT_LENGTH_MAX })),
  model: optional(boundedText({ max: TURN_MODEL_LENGTH_MAX })),
  events: optional(z.enum(['text', 'all'])),
  files: optional(turnFilesSchema),
});

const time = z.iso.datetime();
const count = z.number().int();
/** What a turn's agent told of its tools (gateway.md §4.2, §9.1). */
const executionLogEntrySchema = z.object({
  id: z.string(),
  type: z.enum(['tool_use', 'tool_result']),
  tool: z.string().nullable(),
  input: z.unknown().nullable(),
  success: z.boolean().nullable(),
  duration_ms: count.nullable(),
  timestamp: time,
});
const toolCallSchema = z.object({
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
  output: z.unknown().nullable(),
  is_error: z.boolean(),
  started_at: time,
  duration_ms: count.nullable(),
});
const attachmentsSchema = z.array(z.object({ attachment_id: z.string() }));

/** gateway.md §4.2: the answer as JSON, for both shapes. */
export const chatAnswerSchema = z.object({
  response: z.string(),
  agent_id: z.string(),
  agent_name: z.string(),
  session_id: z.string(),
  conversation_id: z.string(),
  execution_id: z.string(),
  status: z.literal('completed'),
  message_id: z.string().nullable(),
  attachments: z.array(answerAttachmentSchema),
  execution_log: z.array(executionLogEntrySchema),
  metadata: z.object({
    cost_usd: z.number().nullable(),
    duration_ms: count,
    num_turns: count,
    tool_count: count,
    session_id: z.string(),
    input_tokens: count,
    output_tokens: count,
    context_window: count.nullable(),
  }),
  session: z.object({
    total_cost_usd: z.number(),
    context_tokens: count.nullable(),
    context_window: count.nullable(),
    message_count: count,
    model: z.string().nullable(),
  }),
  execution: z.object({
    id: z.string(),
    task_execution_id: z.string(),
    queue_status: z.string(),
    was_queued: z.boolean(),
  }),
  timestamp: time,
});

/** gateway.md §4.3: what sessions are made for, and the channels of turns. */
export const SESSION_KINDS = ['chat', 'public', 'paid', 'task', 'team', 'voice'] as const;

/** Of these, the ones that their users see in lists; the agent's owner sees all. */
export const TALK_KINDS = ['chat', 'voice'] as const satisfies readonly (typeof SESSION_KINDS)[number][];

/** gateway.md §4.3. */
export const sessionSchema = z
  .object({
    id: z.string(),
    agent_name: z.string(),
    agent_id: z.string(),
    user_id: z.string(),
    user_email: z.string().nullable(),
    kind: z.enum(SESSION_KINDS),
    title: z.string().nullable(),
    status: z.enum(['active', 'closed']),
    started_at: time,
    last_message_at: time.nullable(),
    message_count: count,
    total_cost: z.number(),
    total_context_used: count,
    total_context_max: count,
    unread_count: count,
  })
  .meta({ id: 'GatewaySession' });

export const chatMessageSchema = z
  .object({
    id: z.string(),
    session_id: z.string(),
    agent_name: z.string(),
    user_id: z.string(),
    user_email: z.string().nullable(),
    role: z.enum(['user', 'assistant']),
    content: z.string(),
    timestamp: time,
    execution_id: z.string().nullable(),
    late: z.boolean(),
    cost: z.number().nullable(),
    context_used: count.nullable(),
    context_max: count.nullable(),
    tool_calls: z.string().nullable(),
    execution_time_ms: count.nullable(),
    attachments: attachmentsSchema,
  })
  .meta({ id: 'GatewayMessage' });

/** One of these words, where one is given. */
export const filter = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z
    .string()
    .optional()
    .transform((text) => (present(text) ? text : undefined))
    .pipe(z.enum(words).optional());

const cursor = z.string().optional();

export const sessionsQuerySchema = z.object({
  status: filter(['active', 'closed']),
  kind: filter(SESSION_KINDS),
  limit: clamped({ ...SESSIONS_PAGE, min: 1 }),
  cursor: cursor.meta({ examples: ['MjAyNi0wNC0yMlQxMjowMDowMC4wMDBaIHNlc18x'] }),
});
export const sessionsSchema = z.object({
  agent_name: z.string(),
  session_count: count,
  sessions: z.array(sessionSchema),
  next_cursor: z.string().nullable(),
});
export const sessionQuerySchema = z.object({
  limit: clamped({ ...SESSION_MESSAGES_PAGE, min: 1 }),
  before: cursor.meta({ examples: ['msg_pD4rUuX2s8WkZ6eC'] }),
});
export const sessionDetailSchema = z.object({
  session: sessionSchema,
  message_count: count,
  messages: z.array(chatMessageSchema),
  has_more: z.boolean(),
});
export const sessionClosedSchema = z.object({ status: z.literal('closed'), session_id: z.string() });
export const resetSchema = z.object({
  status: z.literal('reset'),
  message: z.string(),
  closed_session_id: z.string().nullable(),
});
export const plainHistorySchema = z.array(
  z.object({ role: z.enum(['user', 'assistant']), content: z.string(), timestamp: time }),
);

/** gateway.md §9.1. */
const statusSchema = z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']);
export const executionSummarySchema = z
  .object({
    id: z.string(),
    agent_name: z.string(),
    session_id: z.string(),
    status: statusSchema,
    triggered_by: z.string(),
    message: z.string(),
    queued_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
    duration_ms: count.nullable(),
    attempt: count,
    max_attempts: count,
    error: z.string().nullable(),
    cost: z.number().nullable(),
    schedule_id: z.null(),
  })
  .meta({ id: 'ExecutionSummary' });

export const executionSchema = executionSummarySchema
  .extend({
    response: z.string().nullable(),
    error_code: z.string().nullable(),
    tool_calls: z.array(toolCallSchema),
    execution_log: z.array(executionLogEntrySchema),
    usage: usageSchema.nullable(),
    context_used: count.nullable(),
    context_max: count.nullable(),
    message_id: z.string().nullable(),
    response_message_ids: z.array(z.string()),
    deadline_at: time,
    late_response: z.string().nullable(),
    late_response_at: time.nullable(),
    retry_of: z.string().nullable(),
    metadata: z.looseObject({}).nullable(),
    payment: paymentSchema.nullable(),
  })
  .meta({ id: 'Execution' });

export const executionsQuerySchema = z.object({
  status: filter(['queued', 'running', 'completed', 'failed', 'cancelled', 'success']),
  triggered_by: filter(SESSION_KINDS),
  session_id: z
    .string()
    .optional()
    .meta({ examples: ['ses_Kq3d0Zr5mTt1WbYp'] }),
  limit: clamped({ ...EXECUTIONS_PAGE, min: 1 }),
  cursor: cursor.meta({ examples: ['MjAyNi0wNC0yMlQxMjowMDowMC4wMDBaIGV4ZV8x'] }),
  hours: z
    .string()
    .optional()
    .meta({ examples: ['24'] }),
});
export const executionsSchema = z.array(executionSummarySchema);
export const executionLogQuerySchema = z.object({
  after: clamped({ default: 0, min: 0, max: 2_147_483_647 }),
  limit: clamped({ ...EXECUTION_LOG_PAGE, min: 1 }),
});
export const executionLogSchema = z.object({
  events: z.array(z.object({ n: count, type: z.string(), data: z.looseObject({}), at: time })),
  next: count,
});
export const terminatedSchema = z.object({
  status: z.enum(['cancelled_while_queued', 'terminated', 'already_finished']),
  execution_id: z.string(),
});
export const terminateSchema = z.object({ reason: optional(z.string()) });

/** gateway.md §2: keys of applications. */
export const createKeySchema = z.object({
  name: boundedText({ min: 1, max: KEY_NAME_LENGTH_MAX }),
  scope: optional(z.literal('global')),
  agent_id: optional(z.string()),
  team_id: optional(z.string()),
});
export const gatewayKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scope: z.enum(['global', 'agent', 'team']),
    key_prefix: z.string(),
    created_at: time,
    last_used_at: time.nullable(),
  })
  .meta({ id: 'GatewayKey' });
export const gatewayKeysSchema = z.array(gatewayKeySchema);
export const createdKeySchema = gatewayKeySchema
  .omit({ last_used_at: true })
  .extend({ key: z.string(), callback_secret: z.string() })
  .meta({ id: 'CreatedGatewayKey' });

/** gateway.md §5.3. */
export const conversationViewSchema = z
  .object({
    id: z.string(),
    agent_id: z.string(),
    title: z.string().nullable(),
    created_at: time,
    updated_at: time,
    last_message_at: time.nullable(),
    message_count: count,
    unread_count: count,
    status: z.enum(['active', 'closed']),
  })
  .meta({ id: 'GatewayConversation' });
export const conversationViewsSchema = z.array(conversationViewSchema);
const titleSchema = boundedText({ min: 1, max: CONVERSATION_TITLE_LENGTH_MAX });
export const createConversationSchema = z.object({ title: optional(titleSchema) });
export const renameConversationSchema = z.object({ title: titleSchema });
export const conversationDeletedSchema = z.object({ status: z.literal('deleted'), id: z.string() });
export const conversationsQuerySchema = z.object({
  limit: clamped({ ...SESSIONS_PAGE, min: 1 }),
  cursor: cursor.meta({ examples: ['MjAyNi0wNC0yMlQxMjowMDowMC4wMDBaIHNlc18x'] }),
});
export const turnHistoryQuerySchema = z.object({
  limit: clamped({ default: 20, min: 1, max: 200 }),
  conversation_id: z
    .string()
    .optional()
    .meta({ examples: ['ses_Kq3d0Zr5mTt1WbYp'] }),
  before: cursor.meta({ examples: ['msg_pD4rUuX2s8WkZ6eC'] }),
});
export const turnHistorySchema = z.object({
  messages: z.array(
    z.object({
      id: z.string(),
      role: z.enum(['user', 'assistant']),
      content: z.string(),
      created_at: time,
      conversation_id: z.string(),
    }),
  ),
});
export const gatewayInboxQuerySchema = turnHistoryQuerySchema.extend({ limit: clamped({ ...SESSIONS_PAGE, min: 1 }) });
export const gatewayInboxSchema = z.object({
  messages: z.array(
    z.object({
      id: z.string(),
      conversation_id: z.string(),
      role: z.literal('assistant'),
      content: z.string(),
      created_at: time,
      agent_id: z.string(),
      agent_name: z.string(),
      execution_id: z.string().nullable(),
      late: z.boolean(),
    }),
  ),
  unread_count: count,
});
export const markReadSchema = z.object({
  message_ids: optional(z.array(z.string()).max(MARK_READ_IDS_MAX)),
  conversation_id: optional(z.string()),
  up_to: optional(z.string()),
});
export const markedReadSchema = z.object({ marked: count, unread_count: count });

/** gateway.md §2: an agent as its users list it. */
export const gatewayAgentSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    handle: z.string(),
    display_name: z.string().nullable(),
    description: z.string().nullable(),
    status: z.enum(['active', 'restricted', 'suspended', 'deleted']),
    owned: z.boolean(),
    online: z.boolean(),
  })
  .meta({ id: 'GatewayAgent' });
export const gatewayAgentsSchema = z.array(gatewayAgentSchema);

export type ChatBody = z.output<typeof chatSchema>;
export type ChatAnswerView = z.infer<typeof chatAnswerSchema>;
export type SessionView = z.infer<typeof sessionSchema>;
export type ChatMessageView = z.infer<typeof chatMessageSchema>;
export type ExecutionSummaryView = z.infer<typeof executionSummarySchema>;
export type ExecutionView = z.infer<typeof executionSchema>;
export type GatewayAgentView = z.infer<typeof gatewayAgentSchema>;
export type ConversationView = z.infer<typeof conversationViewSchema>;
export type GatewayKeyView = z.infer<typeof gatewayKeySchema>;
