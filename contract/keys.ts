import { z } from 'zod';
import { emailSchema } from './registration';

/** identity.md §5. `handle` names the agent of an email that backs several; `null` counts as absent. */
export const recoverSchema = z.object({
  email: emailSchema,
  handle: z
    .string()
    .nullish()
    .transform((handle) => handle ?? null),
});

/** identity.md §6, §12: the key is shown once; the webhooks are those that its old holder may have left. */
export const newKeySchema = z.object({
  handle: z.string(),
  api_key: z.string(),
  webhooks: z.array(z.object({ id: z.string(), url: z.string(), created_at: z.string() })),
});

/** identity.md §10. */
export const accountDeletedSchema = z.object({ message: z.string() });
