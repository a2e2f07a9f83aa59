import type { RowDeps } from '../../delivery/each-row';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import type { Database } from '../../store/schema/database';

/** What relays need besides their flows; for those that call none, Temporal counts as there. */
export function rowDeps(database: Database) {
  return {
    database,
    flows: { isUp: () => Promise.resolve(true) },
    metrics: createMetrics(),
    log: createLogger('test', 'silent'),
  } satisfies RowDeps;
}
