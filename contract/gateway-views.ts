import { z } from 'zod';
import { chatMessageSchema, executionLogQuerySchema, filter, sessionQuerySchema } from './gateway';
import { ACTIVITY_HOURS } from './limits';
import { clamped, present } from './paging';

/** Views over sessions and turns of the chat gateway: gateway.md §4.3, §4.4, §12.1. */

const time = z.iso.datetime();
const count = z.number().int();

/** `true` and `1`, as people write it in a query; everything else is no. */
const yes = z
  .string()
  .optional()
  .transform((text) => text === 'true' || text === '1')
  .meta({ type: 'boolean', default: false });
export const persistentHistoryQuerySchema = sessionQuerySchema.extend({ user_filter: yes });
export const persistentHistorySchema = z.object({
  agent_name: z.string(),
  message_count: count,
  messages: z.array(chatMessageSchema),
  has_more: z.boolean(),
});

export const executionStreamQuerySchema = executionLogQuerySchema
  .pick({ after: true })
  .extend({ format: filter(['sse', 'ndjson']) });

export const activityQuerySchema = z.object({
  hours: clamped({ ...ACTIVITY_HOURS, min: 1 }),
  session_id: z
    .string()
    .optional()
    .transform((text) => (present(text) ? text : undefined))
    .meta({ examples: ['ses_Kq3d0Zr5mTt1WbYp'] }),
});
const timelineEntrySchema = z.object({
  id: z.string(),
  tool: z.string(),
  input: z.unknown().nullable(),
  input_summary: z.string(),
  output_summary: z.string().nullable(),
  duration_ms: count.nullable(),
  started_at: time,
  ended_at: time.nullable(),
  success: z.boolean().nullable(),
  status: z.enum(['running', 'completed']),
  execution_id: z.string(),
});
export const activitySchema = z
  .object({
    status: z.enum(['idle', 'running']),
    active_tool: z.object({ name: z.string(), input_summary: z.string(), started_at: time }).nullable(),
    tool_counts: z.record(z.string(), count),
    timeline: z.array(timelineEntrySchema),
    totals: z.object({ calls: count, duration_ms: count, started_at: time.nullable() }),
    online: z.boolean(),
    presence: z.enum(['online', 'offline', 'busy']),
    turns: z.object({
      queued: count,
      running: count,
      completed: count,
      failed: count,
      cancelled: count,
      timeouts: count,
    }),
    sessions: z.object({ active: count, total: count }),
    last_message_at: time.nullable(),
    window_hours: count,
  })
  .meta({ id: 'GatewayActivity' });

export type ActivityView = z.infer<typeof activitySchema>;
