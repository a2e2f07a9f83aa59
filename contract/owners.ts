import { z } from 'zod';
import { emailSchema } from './registration';

/** dashboard.md §3.4: sign-in. Its second call is that of a registration (`verifySchema`). */
export const codeRequestSchema = z.object({ email: emailSchema });

/** The owner, as the dashboard shows it: never an id. */
export const ownerSchema = z.object({
  email: z.string(),
  display_name: z.string().nullable(),
  created_at: z.iso.datetime(),
});

export const signedInSchema = z.object({ owner: ownerSchema });
export const doneSchema = z.object({ message: z.string() });
export const signedOutEverywhereSchema = z.object({ message: z.string(), sessions_revoked: z.number().int() });

/** dashboard.md §4.1. */
export const claimSchema = z.object({ api_key: z.string().min(1) });

const statusSchema = z.enum(['active', 'restricted', 'suspended', 'deleted']);
const pauseSchema = z.enum(['none', 'send', 'full']);

export const claimedAgentSchema = z.object({
  handle: z.string(),
  display_name: z.string().nullable(),
  description: z.string().nullable(),
  avatar_url: z.string().nullable(),
  status: statusSchema,
  paused_by_owner: pauseSchema,
  claimed_at: z.iso.datetime(),
  created_at: z.iso.datetime(),
});

export const claimedAgentsSchema = z.object({ agents: z.array(claimedAgentSchema) });
export const bootstrapSchema = z.object({ owner: ownerSchema, agents: z.array(claimedAgentSchema) });

/** dashboard.md §4.2: one claimed agent. */
export const agentProfileSchema = claimedAgentSchema.omit({ claimed_at: true }).extend({ email_masked: z.string() });

export type OwnerView = z.infer<typeof ownerSchema>;
export type ClaimedAgentView = z.infer<typeof claimedAgentSchema>;
export type AgentProfileView = z.infer<typeof agentProfileSchema>;
