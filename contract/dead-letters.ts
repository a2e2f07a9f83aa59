import { z } from 'zod';
import type { Endpoint } from './endpoint';
import { ALL_WEBHOOK_EVENTS } from './events';
import { DEAD_LETTERS_PAGE_DEFAULT, DEAD_LETTERS_PAGE_MAX } from './limits';
import { clamped } from './paging';

/** Operators' endpoints of deliveries that were given up (webhooks.md §8). */

export const deadLettersQuerySchema = z.object({
  before: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,whd_[\w-]{1,64}$/, 'Expected the next_before of an earlier page')
    .optional(),
  limit: clamped({ default: DEAD_LETTERS_PAGE_DEFAULT, min: 1, max: DEAD_LETTERS_PAGE_MAX }),
});

export const deadLetterSchema = z.object({
  id: z.string(),
  /** Null once the webhook is deleted. */
  webhook_id: z.string().nullable(),
  agent_id: z.string(),
  event: z.enum(ALL_WEBHOOK_EVENTS),
  event_id: z.string(),
  payload: z.looseObject({}),
  attempts: z.number().int(),
  last_status: z.number().int().nullable(),
  last_error: z.string().nullable(),
  first_attempt_at: z.iso.datetime().nullable(),
  last_attempt_at: z.iso.datetime().nullable(),
  dead_at: z.iso.datetime(),
  replayed_at: z.iso.datetime().nullable(),
  replayed_as_id: z.string().nullable(),
});

export const deadLettersSchema = z.object({
  dead_letters: z.array(deadLetterSchema),
  next_before: z.string().nullable(),
});

const internal = { tag: 'Internal', auth: 'none', isInternal: true } as const;

export const listDeadLetters: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/dead-letters',
  operationId: 'listDeadLetters',
  summary: 'Webhook deliveries that were given up, newest first',
  request: { query: deadLettersQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: deadLettersSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const replayDeadLetter: Endpoint = {
  ...internal,
  method: 'POST',
  path: '/internal/dead-letters/:id/replay',
  operationId: 'replayDeadLetter',
  summary: 'Send the same bytes again, as a new delivery that is due at once',
  responses: {
    202: { description: 'The id of the new delivery', schema: z.object({ id: z.string(), replay_of: z.string() }) },
  },
  errors: ['NOT_FOUND', 'FORBIDDEN'],
};
