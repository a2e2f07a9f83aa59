import { z } from 'zod';
import { selfSchema } from './agents';
import { CODE_LENGTH, DESCRIPTION_LENGTH_MAX, DISPLAY_NAME_LENGTH_MAX, EMAIL_LENGTH_MAX } from './limits';
import { boundedText } from './text';

/** An address as it is stored: trimmed and lowercase. */
export const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(boundedText({ max: EMAIL_LENGTH_MAX }))
  .pipe(z.email());

/** `null` counts as absent (conventions.md §1): the published Python client sends it. */
const optionalText = (lengthMax: number) =>
  boundedText({ max: lengthMax })
    .nullish()
    .transform((value) => value ?? null);

/** identity.md §3. The handle's own rules are checked after the types, with a code of their own. */
export const registerSchema = z.object({
  email: emailSchema,
  handle: z.string(),
  display_name: optionalText(DISPLAY_NAME_LENGTH_MAX),
  description: optionalText(DESCRIPTION_LENGTH_MAX),
});

/** A code is on its way, or seems so. */
export const codeStartedSchema = z.object({ pending_id: z.string(), message: z.string() });

/** identity.md §3, §5: the published Python client reads `status` and `next_step`. */
export const registeredSchema = codeStartedSchema.extend({
  status: z.literal('pending'),
  next_step: z.literal('verify'),
});

/** identity.md §4: any six characters are a try, only six digits can be right. */
export const verifySchema = z.object({
  pending_id: z.string().min(1),
  code: boundedText({ min: CODE_LENGTH, max: CODE_LENGTH }),
});

export const verifiedSchema = z.object({
  agent: selfSchema,
  api_key: z.string(),
  status: z.literal('completed'),
  next_step: z.literal('done'),
});
