import { z } from 'zod';
import { pageQuery } from './paging';
import { boundedText } from './text';

/** What operators see and do about an agent's state: social.md §6 G10, G11. */

const status = z.enum(['active', 'restricted', 'suspended', 'deleted']);
const source = z.enum(['community', 'operator']);
const time = z.iso.datetime();

const countsSchema = z.object({
  blocks_24h: z.int().min(0),
  blocks_7d: z.int().min(0),
  reports_7d: z.int().min(0),
});

export type EnforcementCountsView = z.infer<typeof countsSchema>;

/** A row that counts, with who made it. */
const rowSchema = z.object({ id: z.string(), by: z.string(), created_at: time });

export const transitionSchema = z.object({
  number: z.int().min(1),
  from: status,
  to: status,
  source,
  trigger: z.enum(['block', 'report', 'unblock', 'timer', 'request', 'operator']),
  operator: z.string().nullable(),
  note: z.string().nullable(),
  counts: countsSchema,
  thresholds: countsSchema,
  block_ids: z.array(z.string()),
  report_ids: z.array(z.string()),
  at: time,
  side_effects_done_at: time.nullable(),
});

export type TransitionView = z.infer<typeof transitionSchema>;

export const enforcementSchema = z.object({
  agent_id: z.string(),
  handle: z.string(),
  status,
  source,
  is_sticky: z.boolean(),
  since: time.nullable(),
  baseline: time.nullable(),
  counts: countsSchema,
  thresholds: countsSchema,
  counting_blocks: z.array(rowSchema),
  counting_reports: z.array(rowSchema),
  next_evaluation_at: time.nullable(),
  pending_evaluations: z.int().min(0),
  history: z.array(transitionSchema),
});

export type EnforcementStateView = z.infer<typeof enforcementSchema>;

export const enforcementActionSchema = z.object({
  note: boundedText({ max: 1_000 })
    .nullish()
    .transform((text) => text ?? null),
});

export const holdSchema = enforcementActionSchema.extend({ sticky: z.boolean() });

export const operatorPageSchema = pageQuery({ default: 50, max: 100 });

export const enforcedQuerySchema = operatorPageSchema.extend({ status: z.enum(['restricted', 'suspended']) });

export const enforcedSchema = z.object({
  agents: z.array(z.object({ agent_id: z.string(), handle: z.string(), status, source, updated_at: time })),
  total: z.int().min(0),
  limit: z.int().min(1),
  offset: z.int().min(0),
});

export const reportsSchema = z.object({
  reports: z.array(
    z.object({
      id: z.string(),
      reporter: z.string(),
      reason: z.string().nullable(),
      counts: z.boolean(),
      created_at: time,
    }),
  ),
  limit: z.int().min(1),
  offset: z.int().min(0),
});
