import { isFlowOutage } from '../platform/flows/flow-outage';
import type { FlowClient } from '../platform/flows/flow-client';
import type { OutboxRow } from '../store/schema/collections/outbox';
import { databaseAnswers } from '../store/schema/answers';
import { isOutage } from '../store/schema/outage';
import { noteFailed, type FailureDeps } from './failed-rows';

export interface RowDeps extends FailureDeps {
  flows: Pick<FlowClient, 'isUp'>;
}

/** What one or several rows of the outbox ask for. */
export interface RowJob {
  rows: Pick<OutboxRow, '_id' | 'kind' | 'failed'>[];
  work: () => Promise<unknown>;
}

/** Failures of a round that look like an outage though what failed answers: more of them are one. */
const OUTAGES_MAX = 3;

/**
 * Does the work of rows one after another. One that fails is noted and passed over for a while, and the others go on. While
 * the database or Temporal as a whole is out of reach the round ends at once, and no row is to blame.
 *
 * One call can be too slow for ever, as can one flow: so what looks like an outage is one only if a ping fails, too, or if
 * it comes for the third time. Those two rows are passed over by then, so the next round begins behind them.
 * @throws the error of the outage
 */
export async function doEach(deps: RowDeps, jobs: RowJob[]): Promise<void> {
  let outages = 0;
  for (const { rows, work } of jobs) {
    try {
      await work();
    } catch (error) {
      if (isOutage(error) || isFlowOutage(error)) outages += 1;
      if (outages >= OUTAGES_MAX || (await isOutOfReach(deps, error))) throw error;
      await noteFailed(deps, rows, error);
    }
  }
}

/** As `doEach`, for work that is about one row each. */
export function forEachRow<Row extends RowJob['rows'][number]>(
  deps: RowDeps,
  rows: Row[],
  work: (row: Row) => Promise<unknown>,
): Promise<void> {
  return doEach(
    deps,
    rows.map((row) => ({ rows: [row], work: () => work(row) })),
  );
}

async function isOutOfReach({ database, flows }: RowDeps, error: unknown): Promise<boolean> {
  if (isOutage(error)) return !(await databaseAnswers(database));
  return isFlowOutage(error) && !(await flows.isUp());
}

/** Rows that are about the same, in their order. */
export function rowsBy<Row>(rows: Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}
