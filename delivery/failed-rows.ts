import { STUCK_FAILURES } from '../domain/outbox-retry';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import { countFailedRows, noteRowFailure } from '../store/outbox/failed-rows';
import type { OutboxRow } from '../store/schema/collections/outbox';
import type { Database } from '../store/schema/database';

/** Where failures of rows are told. */
export interface FailureDeps {
  database: Database;
  metrics: Pick<Metrics, 'outboxFailures' | 'outboxFailed'>;
  log: Logger;
}

/**
 * Has these rows passed over for a while, counts their failure, and calls an operator once it has lasted (webhooks.md §13,
 * case 47). Nothing of what a row is about stands in the log but its id and kind.
 * @throws the database's error when it cannot be noted: then nothing else can be done either
 */
export async function noteFailed(
  { database, metrics, log }: FailureDeps,
  rows: Pick<OutboxRow, '_id' | 'kind' | 'failed'>[],
  error: unknown,
): Promise<void> {
  // A sweep found it, not a row: it comes again with the next one.
  if (rows.length === 0) log.warn({ event: 'relay.sweep_failed', err: error });
  for (const row of rows) {
    const { failures, retryAt } = await noteRowFailure(database, row, { error: faultOf(error), now: new Date() });
    metrics.outboxFailures.inc({ kind: row.kind });
    const line = { rowId: row._id, kind: row.kind, failures, retryAt, err: error };
    log.warn({ event: 'outbox.row_failed', ...line });
    if (failures === STUCK_FAILURES) log.error({ event: 'outbox.row_stuck', ...line });
  }
}

const FAULT_LENGTH_MAX = 120;

/** Name and code of an error and of its cause: no message, which may quote what only its owner may see. */
function faultOf(error: unknown): string {
  const words: string[] = [];
  for (let next = error; next instanceof Error && words.length < 6; next = next.cause) {
    words.push(next.name);
    if ('code' in next && (typeof next.code === 'string' || typeof next.code === 'number')) {
      words.push(String(next.code));
    }
  }
  return words.join(' ').slice(0, FAULT_LENGTH_MAX) || 'unknown';
}

const COUNT_EVERY_MS = 60_000;

/** Counts once a minute, over all workers, how many rows of each kind failed at their last try. */
export function createFailedRowsWatch({ database, metrics }: FailureDeps) {
  let countedAtMs = Number.NEGATIVE_INFINITY;
  return {
    async round(now: Date): Promise<void> {
      if (performance.now() - countedAtMs < COUNT_EVERY_MS) return;
      countedAtMs = performance.now();
      const counts = await countFailedRows(database, now);
      metrics.outboxFailed.reset();
      for (const [kind, count] of counts) metrics.outboxFailed.set({ kind }, count);
    },
  };
}
