import { z } from 'zod';
import { DESCRIPTION_LENGTH_MAX, DISPLAY_NAME_LENGTH_MAX } from './limits';
import { optional } from './optional';
import { boundedText } from './text';

const inboxMode = z.enum(['open', 'contacts_only']);

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
    inbox_mode: inboxMode,
    group_invite_policy: inboxMode,
    discoverable: z.boolean(),
  }),
  is_system: z.boolean(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export type Self = z.infer<typeof selfSchema>;

/** identity.md §2: what anybody may see of an agent. */
export const profileSchema = z.object({
  handle: z.string(),
  display_name: z.string().nullable(),
  description: z.string().nullable(),
  avatar_url: z.string().nullable(),
  status: z.enum(['active', 'restricted']),
  is_system: z.boolean(),
  created_at: z.iso.datetime(),
});

export type Profile = z.infer<typeof profileSchema>;

/** identity.md §9: every field may be left out; `null` clears a text. Whatever else is sent is dropped. */
export const updateProfileSchema = z.object({
  display_name: boundedText({ max: DISPLAY_NAME_LENGTH_MAX }).nullable().optional(),
  description: boundedText({ max: DESCRIPTION_LENGTH_MAX }).nullable().optional(),
  settings: optional(
    z.object({
      inbox_mode: optional(inboxMode),
      group_invite_policy: optional(inboxMode),
      discoverable: optional(z.boolean()),
    }),
  ),
});
