import { AppError } from '../../../contract/errors';
import { failedRowsQuerySchema, listFailedRows, retryFailedRow } from '../../../contract/failed-rows';
import type { Logger } from '../../../platform/logger';
import * as store from '../../../store/outbox/failed-rows';
import type { Database } from '../../../store/schema/database';
import { operatorOf } from '../../http/operator';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';

export interface FailedRowDeps {
  database: Database;
  log: Logger;
}

/** Operators and rows of the outbox that fail: webhooks.md §13, case 47; the gate is `opsAuth`, before routing. */
export function failedRowRoutes(deps: FailedRowDeps): Route[] {
  return [
    publicRoute(listFailedRows, (ctx) => list(ctx, deps)),
    publicRoute(retryFailedRow, (ctx) => retry(ctx, deps)),
  ];
}

async function list(ctx: RequestContext, { database }: FailedRowDeps): Promise<Reply> {
  const { after, limit } = ctx.validate(failedRowsQuerySchema, Object.fromEntries(ctx.query));
  const rows = await store.listFailedRows(database, {
    limit,
    now: ctx.now,
    ...(after === undefined ? {} : { after: cursorOf(after) }),
  });
  const last = rows.length < limit ? undefined : rows.at(-1);
  const next_after = last === undefined ? null : `${last.failed.since.toISOString()},${last._id}`;
  return { status: 200, body: { rows: rows.map(present), next_after } };
}

async function retry(ctx: RequestContext, { database, log }: FailedRowDeps): Promise<Reply> {
  const rowId = ctx.params['id'] ?? '';
  if (!(await store.retryRowNow(database, rowId, ctx.now))) {
    throw new AppError('NOT_FOUND', undefined, undefined, 'No such row, or it did not fail');
  }
  log.info({ event: 'outbox.row_retried', rowId, operator: operatorOf(ctx).id });
  return { status: 202, body: { ok: true } };
}

/** Never what a row is about: kinds and times say what to look into. */
function present({ _id, kind, createdAt, failed }: store.FailedRow) {
  return {
    id: _id,
    kind,
    created_at: createdAt.toISOString(),
    failures: failed.failures,
    failing_since: failed.since.toISOString(),
    next_try_at: failed.retryAt.toISOString(),
    error: failed.error,
  };
}

/** `<time>,<row id>`, already checked. A day that no calendar has is as bad as no time. */
function cursorOf(after: string): { since: Date; id: string } {
  const comma = after.indexOf(',');
  const since = new Date(after.slice(0, comma));
  if (Number.isNaN(since.getTime())) throw new AppError('VALIDATION_ERROR');
  return { since, id: after.slice(comma + 1) };
}
