import { z } from 'zod';
import { ALL_WEBHOOK_EVENTS } from './events';
import { WEBHOOK_SECRET_LENGTH_MAX, WEBHOOK_SECRET_LENGTH_MIN } from './limits';
import { boundedText } from './text';

const events = z.array(z.enum(ALL_WEBHOOK_EVENTS));

/** webhooks.md §1: what lists show. */
export const webhookSchema = z
  .object({
    id: z.string().meta({ examples: ['whk_V0h1uE3qXn8JcR5s'] }),
    url: z.string().meta({ examples: ['https://agent.example.com/hooks'] }),
    events: events.min(1),
    active: z.boolean().meta({ examples: [true] }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });

export type WebhookView = z.infer<typeof webhookSchema>;

const SECRET_EXAMPLE = '9f2c4e8a1b3d5f70829a4c6e8b0d2f4361758a9cbedf01234567890abcdef123';

/** The only answer that shows the secret. */
export const createdWebhookSchema = webhookSchema.extend({
  secret: z.string().meta({ examples: [SECRET_EXAMPLE] }),
});

/** webhooks.md §2.1; what the URL may be, webhooks.md §3, is checked behind this. `null` counts as not sent. */
export const createWebhookSchema = z.object({
  url: z.string().meta({ examples: ['https://agent.example.com/hooks'] }),
  events: events.min(1, 'Expected at least one event').transform((names) => [...new Set(names)]),
  secret: boundedText({ min: WEBHOOK_SECRET_LENGTH_MIN, max: WEBHOOK_SECRET_LENGTH_MAX })
    .refine((secret) => /^[\x20-\x7e]*$/.test(secret), 'Expected printable ASCII characters')
    .nullish()
    .meta({ examples: [SECRET_EXAMPLE] }),
  legacy_signature: z
    .boolean()
    .nullish()
    .transform((isLegacy) => isLegacy ?? false),
});

export const webhooksSchema = z.object({ webhooks: z.array(webhookSchema) });
