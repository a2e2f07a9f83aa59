import { z } from 'zod';

/** What an agent says that an answer has cost (gateway.md §8.2). */
export const usageSchema = z.object({
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  cost_usd: z.number().nullable(),
  model: z.string().nullable(),
  context_used: z.number().int().nullable(),
  context_max: z.number().int().nullable(),
});

export type UsageView = z.infer<typeof usageSchema>;
