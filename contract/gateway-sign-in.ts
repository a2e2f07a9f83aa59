import { z } from 'zod';
import { emailSchema } from './registration';
import { boundedText } from './text';

/** gateway.md §2: sign-in of owners over bearer tokens. */
export const emailVerifySchema = z.object({ email: emailSchema, code: boundedText({ min: 6, max: 6 }) });
export const emailRequestedSchema = z.object({ message: z.string(), expires_in_seconds: z.number().int() });
export const refreshBodySchema = z.object({
  refresh_token: z
    .string()
    .min(1)
    .meta({ examples: ['rt_…'] }),
});
export const bearerTokensSchema = z.object({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.number().int(),
  refresh_token: z.string(),
  user: z.object({ id: z.string(), email: z.string() }),
});
export const loggedOutSchema = z.object({ status: z.literal('ok') });
