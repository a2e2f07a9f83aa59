import { z } from 'zod';
import { PRESENCE_BATCH_MAX, PRESENCE_MESSAGE_LENGTH_MAX } from './limits';
import { boundedText } from './text';

const status = z.enum(['online', 'offline', 'busy']);

/** social.md §9.1. */
export const presenceSchema = z
  .object({
    handle: z.string(),
    status,
    custom_message: z.string().nullable(),
    last_seen: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Presence' });

export type PresenceView = z.infer<typeof presenceSchema>;

const message = boundedText({ max: PRESENCE_MESSAGE_LENGTH_MAX }).nullish();

/** Replaces the whole state; `custom_status` counts when `custom_message` is absent (social.md D-24). */
export const setPresenceSchema = z
  .object({ status, custom_message: message, custom_status: message })
  .transform(({ status: set, custom_message: own, custom_status: alias }) => {
    const text = own === undefined ? alias : own;
    return { status: set, customMessage: text === undefined || text === '' ? null : text };
  });

export const presenceSetSchema = presenceSchema.extend({ ok: z.literal(true) });

export const presenceBatchSchema = z.object({ handles: z.array(z.string()).min(1).max(PRESENCE_BATCH_MAX) });

export const presencesSchema = z.object({
  presences: z.array(presenceSchema),
  results: z.record(z.string(), presenceSchema),
});
