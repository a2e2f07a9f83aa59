import { z } from 'zod';
import { AUDIT_ACTIONS, AUDIT_ACTORS } from './audit-actions';
import { AUDIT_PAGE_DEFAULT, AUDIT_PAGE_MAX } from './limits';
import { clamped } from './paging';

/** What operators read back (identity.md §1): by agent, by action, or everything, newest first. */
export const auditQuerySchema = z
  .object({
    handle: z.string().min(1).optional(),
    action: z.enum(AUDIT_ACTIONS).optional(),
    before: z
      .string()
      .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,evt_[\w-]{1,64}$/, 'Expected the next_before of an earlier page')
      .optional(),
    limit: clamped({ default: AUDIT_PAGE_DEFAULT, min: 1, max: AUDIT_PAGE_MAX }),
  })
  .refine(({ handle, action }) => handle === undefined || action === undefined, {
    message: 'At most one of handle and action',
  });

export const auditEventSchema = z.object({
  id: z.string(),
  actor_type: z.enum(AUDIT_ACTORS),
  actor_id: z.string().nullable(),
  action: z.enum(AUDIT_ACTIONS),
  target_id: z.string(),
  metadata: z.looseObject({}),
  created_at: z.iso.datetime(),
});

export const auditEventsSchema = z.object({
  events: z.array(auditEventSchema),
  next_before: z.string().nullable(),
});

export const rotateSystemKeySchema = z.object({ handle: z.string().min(1) });
export const rotatedSystemKeySchema = z.object({ handle: z.string(), api_key: z.string() });
