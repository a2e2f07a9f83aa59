import { z } from 'zod';
import type { Endpoint } from './endpoint';
import { FAILED_ROWS_PAGE } from './limits';
import { clamped } from './paging';

/** Operators' endpoints of what a commit left to do and does not succeed (webhooks.md §13, case 47). */

export const failedRowsQuerySchema = z.object({
  after: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,.{1,200}$/, 'Expected the next_after of an earlier page')
    .optional(),
  limit: clamped(FAILED_ROWS_PAGE),
});

export const failedRowSchema = z.object({
  id: z.string(),
  /** `flow.committed`, `webhook.trouble`, …: what is to be done; the name of an event for what webhooks are to be told. */
  kind: z.string(),
  created_at: z.iso.datetime(),
  /** In a row. */
  failures: z.number().int(),
  failing_since: z.iso.datetime(),
  next_try_at: z.iso.datetime(),
  /** Names and codes of the last error; the log line `outbox.row_failed` with this id has the rest. */
  error: z.string(),
});

export const failedRowsSchema = z.object({
  rows: z.array(failedRowSchema),
  next_after: z.string().nullable(),
});

const internal = { tag: 'Internal', auth: 'none', isInternal: true } as const;

export const listFailedRows: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/outbox/failed',
  operationId: 'listFailedRows',
  summary: 'Rows of the outbox whose last try failed, the longest failing first',
  request: { query: failedRowsQuerySchema },
  responses: { 200: { description: 'A page, and where the next one begins', schema: failedRowsSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const retryFailedRow: Endpoint = {
  ...internal,
  method: 'POST',
  path: '/internal/outbox/:id/retry',
  operationId: 'retryFailedRow',
  summary: 'Try a row that failed at once',
  responses: { 202: { description: 'It is due now', schema: z.object({ ok: z.literal(true) }) } },
  errors: ['NOT_FOUND'],
};
