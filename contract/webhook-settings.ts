import { z } from 'zod';
import { ALL_WEBHOOK_EVENTS, MESSAGE_TYPES, PING_EVENT } from './events';
import { isHandle, normaliseHandle } from './handles';
import { optional } from './optional';
import { boundedText } from './text';
import {
  WEBHOOK_DESCRIPTION_LENGTH_MAX,
  WEBHOOK_FILTER_VALUES_MAX,
  WEBHOOK_OVERLAP_SECONDS_DEFAULT,
  WEBHOOK_OVERLAP_SECONDS_MAX,
  WEBHOOK_RATE_LIMIT_MAX,
} from './webhook-limits';
import { aSwitch, ownSecret, publicKey, wantedEvents, WEBHOOK_ORDERINGS, webhookUrl } from './webhooks';

/** What agents do with a webhook that they have: webhooks.md §11.3, §11.4. */

/** No values at all are no condition. */
const valuesOf = <Value extends z.ZodType<string>>(value: Value) =>
  optional(
    z.array(value).max(WEBHOOK_FILTER_VALUES_MAX, `Expected at most ${WEBHOOK_FILTER_VALUES_MAX} values`),
  ).transform((values) => (values === undefined || values.length === 0 ? undefined : [...new Set(values)]));

const conversationId = z.string().regex(/^(conv|grp)_[\w-]{1,64}$/, 'Expected the id of a conversation or a group');
const handle = z.string().transform(normaliseHandle).refine(isHandle, 'Expected a handle');

const CONDITIONS = ['conversation_ids', 'senders', 'message_types', 'mentions_me'];

/** webhooks.md §11.7. A name that is no condition is refused: dropped, it would let everything through. */
const filter = z
  .looseObject({
    conversation_ids: valuesOf(conversationId),
    senders: valuesOf(handle),
    message_types: valuesOf(z.enum(MESSAGE_TYPES)),
    mentions_me: optional(z.boolean()),
  })
  .refine((conditions) => Object.keys(conditions).every((name) => CONDITIONS.includes(name)), {
    message: `Expected only ${CONDITIONS.join(', ')}`,
  })
  .meta({ examples: [{ conversation_ids: ['conv_pD4rUuX2s8WkZ6eC'], senders: ['bob-agent'], mentions_me: true }] });

export type WebhookFilterInput = z.output<typeof filter>;

/**
 * webhooks.md §11.4. What is not sent stays; `null` clears a description, a filter or a rate limit, and counts as not sent
 * elsewhere.
 */
export const updateWebhookSchema = z
  .object({
    url: optional(webhookUrl),
    events: optional(wantedEvents),
    active: optional(z.boolean()),
    description: boundedText({ max: WEBHOOK_DESCRIPTION_LENGTH_MAX }).nullable().optional(),
    filter: filter.nullable().optional(),
    rate_limit: z.int().min(1).max(WEBHOOK_RATE_LIMIT_MAX).nullable().optional(),
    /** webhooks.md §11.7. */
    ordering: optional(z.enum(WEBHOOK_ORDERINGS)),
    batching: optional(z.boolean()),
    ed25519_signature: optional(z.boolean()),
  })
  .meta({
    examples: [{ events: ['message.new', 'message.read'], active: true, description: 'Bookings', rate_limit: 20 }],
  });

const overlapSeconds = optional(z.int().min(0).max(WEBHOOK_OVERLAP_SECONDS_MAX)).transform(
  (seconds) => seconds ?? WEBHOOK_OVERLAP_SECONDS_DEFAULT,
);

/** webhooks.md §11.3. */
export const rotateSecretSchema = z
  .object({
    overlap_seconds: overlapSeconds,
    secret: optional(ownSecret),
    force: aSwitch,
  })
  .meta({ examples: [{ overlap_seconds: WEBHOOK_OVERLAP_SECONDS_DEFAULT }] });

export const rotatedSecretSchema = z.object({
  id: z.string().meta({ examples: ['whk_V0h1uE3qXn8JcR5s'] }),
  secret: ownSecret,
  previous_secret_expires_at: z.iso.datetime().nullable(),
});

/** The ed25519 pair, by the same rules; nobody brings one. */
export const rotateKeyPairSchema = z
  .object({ overlap_seconds: overlapSeconds, force: aSwitch })
  .meta({ examples: [{ overlap_seconds: WEBHOOK_OVERLAP_SECONDS_DEFAULT }] });

export const rotatedKeyPairSchema = z.object({
  id: z.string().meta({ examples: ['whk_V0h1uE3qXn8JcR5s'] }),
  public_key: publicKey,
  previous_public_key_expires_at: z.iso.datetime().nullable(),
});

/** webhooks.md §11.4. Without an event it is a `ping`. */
export const testWebhookSchema = z
  .object({
    event: optional(z.enum([...ALL_WEBHOOK_EVENTS, PING_EVENT])).transform((event) => event ?? PING_EVENT),
  })
  .meta({ examples: [{ event: 'message.new' }] });

export const webhookTestSchema = z.object({
  delivered: z.boolean().meta({ examples: [false] }),
  status: z
    .int()
    .nullable()
    .meta({ examples: [503] }),
  duration_ms: z.int().meta({ examples: [84] }),
  error: z
    .string()
    .nullable()
    .meta({ examples: ['HTTP 503 Service Unavailable'] }),
});

export type WebhookTestView = z.infer<typeof webhookTestSchema>;
