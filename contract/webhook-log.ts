import { z } from 'zod';
import { ALL_WEBHOOK_EVENTS } from './events';
import { optional } from './optional';
import { clamped } from './paging';

/** webhooks.md §11.1 and §11.2: what was sent to an endpoint, and sending it again. */

export const DELIVERY_STATUSES = ['pending', 'delivering', 'delivered', 'failed', 'dead', 'cancelled'] as const;

/** How long a redelivery with `wait` waits for its first attempt: one that hangs takes 12 s. */
export const REDELIVERY_WAIT_MS = 15_000;

const DELIVERY_ID = 'whd_2uQk7dXcV5bN1mRtZr8sWk';
const EVENT_ID = 'evt_9pQm3tYvXc5bN1mRtZr8sW';
const ENDPOINT_ERROR = 'HTTP 503 Service Unavailable';

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const limit = clamped({ default: 50, min: 1, max: 100 });
const cursor = z.string().optional();

export const deliveriesQuerySchema = z.object({
  status: z.enum(DELIVERY_STATUSES).optional(),
  event: z.enum(ALL_WEBHOOK_EVENTS).optional(),
  since: time.optional(),
  until: time.optional(),
  limit,
  cursor,
});

export const webhookDeliverySchema = z
  .object({
    id: z.string().meta({ examples: [DELIVERY_ID] }),
    webhook_id: z.string().meta({ examples: ['whk_V0h1uE3qXn8JcR5s'] }),
    event: z.enum(ALL_WEBHOOK_EVENTS),
    event_id: z.string().meta({ examples: [EVENT_ID] }),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.number().int(),
    max_attempts: z
      .number()
      .int()
      .meta({ examples: [9] }),
    next_attempt_at: z.iso.datetime().nullable(),
    delivered_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    held: z.enum(['circuit_open', 'paused', 'ordering']).nullable(),
    last_status: z
      .number()
      .int()
      .nullable()
      .meta({ examples: [503] }),
    last_error: z
      .string()
      .nullable()
      .meta({ examples: [ENDPOINT_ERROR] }),
    replay_of: z
      .string()
      .nullable()
      .meta({ examples: [null] }),
    /** The id under which the batch was sent that carried it; null of what goes by itself. */
    batch_id: z
      .string()
      .nullable()
      .meta({ examples: [null] }),
  })
  .meta({ id: 'WebhookDelivery' });

export type WebhookDeliveryView = z.infer<typeof webhookDeliverySchema>;

const headers = z.record(z.string(), z.string());

export const webhookAttemptSchema = z
  .object({
    attempt: z.number().int(),
    at: z.iso.datetime(),
    duration_ms: z.number().int(),
    status: z
      .number()
      .int()
      .nullable()
      .meta({ examples: [503] }),
    error: z
      .string()
      .nullable()
      .meta({ examples: [ENDPOINT_ERROR] }),
    response_headers: headers.meta({ examples: [{ 'content-type': 'text/plain' }] }),
    response_body: z.string().meta({ examples: ['try again later'] }),
    remote_ip: z
      .string()
      .nullable()
      .meta({ examples: ['203.0.113.7'] }),
  })
  .meta({ id: 'WebhookAttempt' });

export const webhookDeliveryDetailSchema = webhookDeliverySchema.extend({
  request: z.object({
    headers: headers.meta({ examples: [{ 'x-agentchat-event': 'message.new' }] }),
    /** The exact bytes that every attempt sends. */
    body: z.string().meta({ examples: [`{"event":"message.new","timestamp":"…","data":{},"id":"${EVENT_ID}"}`] }),
  }),
  attempts_log: z.array(webhookAttemptSchema),
});

export type WebhookDeliveryDetail = z.infer<typeof webhookDeliveryDetailSchema>;

export const webhookDeliveriesSchema = z.object({
  deliveries: z.array(webhookDeliverySchema),
  next_cursor: z.string().nullable(),
});

/** With `wait` the answer says what came of the first attempt. The body may be left out. */
export const redeliverSchema = z.object({ wait: optional(z.boolean()) });

/** `job_id` names the flow. */
export const recoverSchema = z.object({
  since: time,
  until: optional(time),
  status: optional(z.enum(['dead', 'failed'])),
});

export const recoveryStartedSchema = z.object({
  job_id: z.string().meta({ examples: ['6f1f1a34-8f0c-4a53-9b3f-0a3c1a8d2f77'] }),
  matched: z
    .number()
    .int()
    .meta({ examples: [12] }),
});

export const webhookEventsQuerySchema = z.object({ since: time.optional(), limit, cursor });

export const webhookEventsSchema = z.object({
  events: z.array(
    z
      .object({
        event: z.enum(ALL_WEBHOOK_EVENTS),
        timestamp: z.iso.datetime(),
        data: z.looseObject({}),
        id: z.string().meta({ examples: [EVENT_ID] }),
        /** Null of one that was never made into a delivery; after a redelivery the newest one. */
        delivery_id: z
          .string()
          .nullable()
          .meta({ examples: [DELIVERY_ID] }),
        status: z.enum(DELIVERY_STATUSES).nullable(),
      })
      .meta({ id: 'WebhookPastEvent' }),
  ),
  next_cursor: z.string().nullable(),
});
