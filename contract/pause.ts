import { z } from 'zod';

/** dashboard.md §8.1. */
export const pauseSchema = z.object({ mode: z.enum(['send', 'full']) });

export const pausedSchema = z.object({ handle: z.string(), paused_by_owner: z.enum(['none', 'send', 'full']) });

/** dashboard.md G17: how far the release of what a pause held back is. Counts stop at 10,000. */
export const releaseViewSchema = z.object({
  handle: z.string(),
  paused_by_owner: z.enum(['none', 'send', 'full']),
  pause_epoch: z.number().int(),
  pause_changed_at: z.iso.datetime().nullable(),
  state: z.enum(['idle', 'releasing']),
  remaining: z.number().int(),
  open_sockets: z.number().int(),
  sockets_behind: z.number().int(),
  webhook_remaining: z.number().int(),
});
