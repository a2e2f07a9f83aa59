import { z } from 'zod';
import { rotateSecretSchema } from './webhook-settings';
import { webhookSchema } from './webhooks';

/** What owners see of their agents' webhooks, and what they repair: webhooks.md §12. */

const time = z.iso.datetime().nullable();
const count = z.int().min(0);

/** webhooks.md §11.5, as far as it is known of an endpoint. Counts stop at 1,000 of each kind. */
export const endpointHealthSchema = z.object({
  state: z.enum(['healthy', 'failing', 'circuit_open', 'disabled']),
  consecutive_failures: count,
  last_failure_at: time,
  pending: count,
  dead: count,
});

export const ownerWebhookSchema = webhookSchema.extend({
  health: endpointHealthSchema,
  /** When it is attempted next, as far as that is known: not before the end of a cool-down. */
  next_attempt_at: time,
  /** The end of the circuit's cool-down; null while it is closed, or a probe is on the wire. */
  circuit_open_until: time,
  /** Held back while the agent is fully paused or suspended. */
  is_held: z.boolean(),
});

export type OwnerWebhookView = z.infer<typeof ownerWebhookSchema>;

export const ownerWebhooksSchema = z.object({ webhooks: z.array(ownerWebhookSchema) });

/** Agents change everything else of a webhook by themselves. */
export const switchWebhookSchema = z.object({ active: z.boolean() });

/** The secret is always a new one of the server's: an owner that chose it could choose one that others know. */
export const ownerRotateSecretSchema = rotateSecretSchema.omit({ secret: true });
