import { z } from 'zod';

/** social.md §8.1: a mute in force. */
export const muteSchema = z
  .object({
    muter_agent_id: z.string(),
    target_kind: z.enum(['agent', 'conversation']),
    target_id: z.string(),
    target_handle: z.string().nullable(),
    muted_until: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Mute' });

export type MuteView = z.infer<typeof muteSchema>;

/** A key that is sent as null or empty counts as absent. */
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === '' ? undefined : text));

/**
 * social.md §8.2. The value of `muted_until` is looked at later, after the handle (`parseInstant`): the order is
 * observable.
 */
export const muteTargetSchema = z
  .object({
    target_kind: z.enum(['agent', 'conversation']),
    target_handle: optionalText,
    target_id: optionalText,
    muted_until: z.string().nullish(),
  })
  .refine(
    (body) => body.target_id !== undefined || (body.target_kind === 'agent' && body.target_handle !== undefined),
    {
      path: ['target_id'],
      error: 'Name the target',
    },
  );

export const mutesQuerySchema = z.object({
  kind: z.preprocess((text) => (text === '' ? undefined : text), z.enum(['agent', 'conversation']).optional()),
});

export const mutesSchema = z.object({ mutes: z.array(muteSchema) });

const dateTime = z.iso.datetime({ offset: true, local: true });
const date = z.iso.date();
const HAS_ZONE = /(?:[zZ]|[+-]\d\d:?\d\d)$/;

/** The instant of an ISO 8601 text, in UTC when it names no zone; null for anything else. */
export function parseInstant(text: string): Date | null {
  if (date.safeParse(text).success) return new Date(`${text}T00:00:00Z`);
  if (!dateTime.safeParse(text).success) return null;
  const instant = new Date(HAS_ZONE.test(text) ? text : `${text}Z`);
  return Number.isNaN(instant.getTime()) ? null : instant;
}
