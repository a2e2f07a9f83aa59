import { z } from 'zod';
import { chatAnswerSchema } from './gateway';
import {
  TASK_ATTEMPTS_MAX,
  TASK_METADATA_BYTES_MAX,
  TASK_PRIORITY_DEFAULT,
  TASK_SECONDS_DEFAULT,
  TASK_SECONDS_MAX,
  TURN_MODEL_LENGTH_MAX,
  TURN_PROMPT_LENGTH_MAX,
} from './limits';
import { WEBHOOK_URL_LENGTH_MAX } from './webhook-limits';
import { optional } from './optional';
import { boundedText } from './text';
import { turnFilesSchema } from './turn-files';

/** Tasks: gateway.md §9.1, §12.5. */

/** An integer in a range; absent: the default. */
const integer = (range: { min: number; max: number; default: number }) =>
  z
    .number()
    .int()
    .min(range.min)
    .max(range.max)
    .nullish()
    .transform((value) => value ?? range.default)
    .meta({ default: range.default });

const metadataSchema = z
  .looseObject({})
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= TASK_METADATA_BYTES_MAX,
    `Expected ${TASK_METADATA_BYTES_MAX} bytes at most`,
  );

export const taskSchema = z.object({
  message: z.string().refine((text) => text.trim() !== '', 'Expected a text'),
  async_mode: optional(z.boolean()),
  timeout_seconds: integer({ min: 1, max: TASK_SECONDS_MAX, default: TASK_SECONDS_DEFAULT }),
  max_attempts: integer({ min: 1, max: TASK_ATTEMPTS_MAX, default: 1 }),
  save_to_session: optional(z.boolean()),
  session_id: optional(z.string()),
  new_session: optional(z.boolean()),
  priority: integer({ min: 0, max: 9, default: TASK_PRIORITY_DEFAULT }),
  callback_url: optional(boundedText({ min: 1, max: WEBHOOK_URL_LENGTH_MAX })),
  system_prompt: optional(boundedText({ max: TURN_PROMPT_LENGTH_MAX })),
  model: optional(boundedText({ max: TURN_MODEL_LENGTH_MAX })),
  metadata: optional(metadataSchema),
  files: optional(turnFilesSchema),
});

/** A task that was taken: it is durable. */
export const taskReceiptSchema = z
  .object({
    status: z.enum(['accepted', 'queued']),
    execution_id: z.string(),
    agent_name: z.string(),
    message: z.string(),
    async_mode: z.literal(true),
    retry_of: z.string().optional(),
  })
  .meta({ id: 'TaskReceipt' });

/** The answer of a task that somebody waited for. */
export const taskAnswerSchema = chatAnswerSchema.extend({ task_execution_id: z.string() }).meta({ id: 'TaskAnswer' });

export const callbackSecretSchema = z.object({ callback_secret: z.string() }).meta({ id: 'CallbackSecret' });

export type TaskBody = z.output<typeof taskSchema>;
export type TaskReceiptView = z.infer<typeof taskReceiptSchema>;
