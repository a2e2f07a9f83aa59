import { z } from 'zod';

/** identity.md §2: the agent as it sees itself. */
export const selfSchema = z.object({
  id: z.string().meta({ examples: ['agt_X7wq0LmR3sVb9TzK'] }),
  handle: z.string(),
  email: z.string(),
  email_masked: z.string(),
  display_name: z.string().nullable(),
  description: z.string().nullable(),
  avatar_url: z.string().nullable(),
  status: z.enum(['active', 'restricted', 'suspended', 'deleted']),
  paused_by_owner: z.enum(['none', 'send', 'full']),
  settings: z.object({
    inbox_mode: z.enum(['open', 'contacts_only']),
    group_invite_policy: z.enum(['open', 'contacts_only']),
    discoverable: z.boolean(),
  }),
  is_system: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export type Self = z.infer<typeof selfSchema>;
