import { z } from 'zod';
import { executionLogQuerySchema } from './gateway';
import {
  TEAM_DESCRIPTION_LENGTH_MAX,
  TEAM_HISTORY_PAGE,
  TEAM_MEMBERS_MAX,
  TEAM_NAME_LENGTH_MAX,
  TEAM_ROLE_LENGTH_MAX,
  TEAM_ROUNDS_MAX,
  TEAM_WAIT_SECONDS_DEFAULT,
  TURN_WAIT_SECONDS_MAX,
} from './limits';
import { optional } from './optional';
import { clamped } from './paging';
import { boundedText } from './text';

/** gateway.md §5.4: teams of agents that answer together. */

const MODES = ['parallel', 'brainstorm', 'sequential', 'debate'] as const;
const modeSchema = z.enum(MODES);
const chatModeSchema = z.enum([...MODES, 'auto']);
/** As callers write it: `round_robin` is another name of `sequential`. */
const askedModeSchema = z
  .enum([...MODES, 'auto', 'round_robin', 'round-robin'])
  .transform((mode) => (mode === 'round_robin' || mode === 'round-robin' ? ('sequential' as const) : mode));

const nameSchema = boundedText({ min: 1, max: TEAM_NAME_LENGTH_MAX }).refine(
  (name) => name.trim() !== '',
  'Expected a name',
);
const descriptionSchema = boundedText({ max: TEAM_DESCRIPTION_LENGTH_MAX });
const roundsSchema = z.number().int().min(1).max(TEAM_ROUNDS_MAX);
/** Handles or ids. */
const agentIdsSchema = z.array(z.string().min(1)).max(TEAM_MEMBERS_MAX);

export const createTeamSchema = z.object({
  name: nameSchema,
  description: optional(descriptionSchema),
  chat_mode: optional(askedModeSchema),
  agent_ids: optional(agentIdsSchema),
  summarizer_agent_id: optional(z.string().min(1)),
  max_rounds: optional(roundsSchema),
});

/** What is absent stays as it is; `null` clears what can be without. */
export const updateTeamSchema = z.object({
  name: optional(nameSchema),
  description: descriptionSchema.nullable().optional(),
  chat_mode: optional(askedModeSchema),
  agent_ids: optional(agentIdsSchema),
  summarizer_agent_id: z.string().min(1).nullable().optional(),
  max_rounds: optional(roundsSchema),
});

export const addTeamAgentSchema = z.object({ role: optional(boundedText({ max: TEAM_ROLE_LENGTH_MAX })) });

export const teamChatSchema = z.object({
  message: z.string().refine((text) => text.trim() !== '', 'Expected a text'),
  mode: optional(askedModeSchema),
  rounds: optional(roundsSchema),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(TURN_WAIT_SECONDS_MAX)
    .nullish()
    .transform((seconds) => seconds ?? TEAM_WAIT_SECONDS_DEFAULT)
    .meta({ default: TEAM_WAIT_SECONDS_DEFAULT }),
  conversation_id: optional(z.string()),
  summary: optional(z.boolean()),
});

export const teamHistoryQuerySchema = z.object({
  limit: clamped({ ...TEAM_HISTORY_PAGE, min: 1 }),
  conversation_id: z
    .string()
    .optional()
    .meta({ examples: ['ses_Kq3d0Zr5mTt1WbYp'] }),
});

/** gateway.md §12.1: where a caller of a stream goes on that broke. */
export const teamStreamQuerySchema = executionLogQuerySchema.pick({ after: true });

const time = z.iso.datetime();
const count = z.number().int();

export const teamSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    chat_mode: chatModeSchema,
    agents: z.array(z.object({ id: z.string(), name: z.string(), role: z.string().nullable() })),
    summarizer_agent_id: z.string().nullable(),
    max_rounds: count,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Team' });
export const teamsSchema = z.array(teamSchema);
export const teamDeletedSchema = z.object({ status: z.literal('deleted'), id: z.string() });

export const teamAnswerSchema = z.object({
  responses: z.array(
    z.object({
      agent_id: z.string(),
      agent_name: z.string(),
      content: z.string(),
      round: count,
      execution_id: z.string(),
    }),
  ),
  summary: z.string(),
  mode: modeSchema,
  partial: z.boolean(),
  errors: z.array(
    z.object({
      agent_id: z.string(),
      agent_name: z.string(),
      code: z.string(),
      message: z.string(),
      /** Null: it was not asked. */
      execution_id: z.string().nullable(),
    }),
  ),
  rounds: count,
  summary_source: z.enum(['agent', 'fallback', 'none']),
  execution_id: z.string(),
  conversation_id: z.string(),
});

export const teamHistorySchema = z.object({
  messages: z.array(
    z.object({
      role: z.enum(['user', 'assistant']),
      agent_id: z.string().optional(),
      agent_name: z.string().optional(),
      content: z.string(),
      created_at: time,
      round: count.optional(),
    }),
  ),
});

export type CreateTeamBody = z.output<typeof createTeamSchema>;
export type UpdateTeamBody = z.output<typeof updateTeamSchema>;
export type TeamChatBody = z.output<typeof teamChatSchema>;
export type TeamView = z.infer<typeof teamSchema>;
export type TeamAnswerView = z.infer<typeof teamAnswerSchema>;
export type TeamHistoryView = z.infer<typeof teamHistorySchema>;
