import { z } from 'zod';
import { ALL_WEBHOOK_EVENTS, MESSAGE_TYPES } from './events';
import { WEBHOOK_SECRET_LENGTH_MAX, WEBHOOK_SECRET_LENGTH_MIN } from './webhook-limits';
import { optional } from './optional';
import { boundedText } from './text';

/** webhooks.md §11.7: whether deliveries wait for earlier ones of their conversation. */
export const WEBHOOK_ORDERINGS = ['none', 'conversation'] as const;

const events = z.array(z.enum(ALL_WEBHOOK_EVENTS));

/** `whpk_` and the 32 bytes as base64. */
export const publicKey = z.string().meta({ examples: ['whpk_1t7WpUqXZl5vGQ0bNc4kRr9sYd3fHaLe2xJm8oTiKyE='] });

/** webhooks.md §11.7: what a webhook is told of, as it is stored and shown. Every condition that is there has to hold. */
export const webhookFilterSchema = z.object({
  conversation_ids: z
    .array(z.string())
    .optional()
    .meta({ examples: [['conv_pD4rUuX2s8WkZ6eC']] }),
  senders: z
    .array(z.string())
    .optional()
    .meta({ examples: [['bob-agent']] }),
  message_types: z.array(z.enum(MESSAGE_TYPES)).optional(),
  mentions_me: z.boolean().optional(),
});

/** webhooks.md §1: what lists show. */
export const webhookSchema = z
  .object({
    id: z.string().meta({ examples: ['whk_V0h1uE3qXn8JcR5s'] }),
    url: z.string().meta({ examples: ['https://agent.example.com/hooks'] }),
    events: events.min(1),
    active: z.boolean().meta({ examples: [true] }),
    disabled_reason: z
      .enum(['gone', 'failing', 'manual'])
      .nullable()
      .meta({ examples: [null] }),
    description: z.string().nullable(),
    filter: webhookFilterSchema.nullable(),
    rate_limit: z
      .int()
      .nullable()
      .meta({ examples: [20] }),
    ordering: z.enum(WEBHOOK_ORDERINGS),
    /** Messages come in batches, in an envelope of their own. */
    batching: z.boolean().meta({ examples: [false] }),
    secret_hint: z
      .string()
      .nullable()
      .meta({ examples: ['f123'] }),
    previous_secret_expires_at: z.iso.datetime().nullable(),
    /** Of ed25519 (`v1a` in `webhook-signature`), in the form of Standard Webhooks; null where none is wanted. */
    public_key: publicKey.nullable(),
    previous_public_key: publicKey.nullable(),
    previous_public_key_expires_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });

export type WebhookView = z.infer<typeof webhookSchema>;

const SECRET_EXAMPLE = '9f2c4e8a1b3d5f70829a4c6e8b0d2f4361758a9cbedf01234567890abcdef123';

/** The only answer that shows the secret. */
export const createdWebhookSchema = webhookSchema.extend({
  secret: z.string().meta({ examples: [SECRET_EXAMPLE] }),
});

export const webhookUrl = z.string().meta({ examples: ['https://agent.example.com/hooks'] });
export const wantedEvents = events.min(1, 'Expected at least one event').transform((names) => [...new Set(names)]);
export const ownSecret = boundedText({ min: WEBHOOK_SECRET_LENGTH_MIN, max: WEBHOOK_SECRET_LENGTH_MAX })
  .refine((secret) => /^[\x20-\x7e]*$/.test(secret), 'Expected printable ASCII characters')
  .meta({ examples: [SECRET_EXAMPLE] });

/** A switch that is off unless it is sent; `null` counts as not sent. */
export const aSwitch = z
  .boolean()
  .nullish()
  .transform((isOn) => isOn ?? false);

/** webhooks.md §2.1; what the URL may be, webhooks.md §3, is checked behind this. `null` counts as not sent. */
export const createWebhookSchema = z.object({
  url: webhookUrl,
  events: wantedEvents,
  secret: optional(ownSecret).meta({ examples: [SECRET_EXAMPLE] }),
  legacy_signature: aSwitch,
  /** webhooks.md §11.7. */
  ordering: optional(z.enum(WEBHOOK_ORDERINGS)),
  batching: aSwitch,
  /** Signs with ed25519, too: the server makes the pair, the public key is shown with the webhook. */
  ed25519_signature: aSwitch,
  /** webhooks.md §11.4: made only if the endpoint takes a `ping`. */
  verify: aSwitch,
});

export const webhooksSchema = z.object({ webhooks: z.array(webhookSchema) });
