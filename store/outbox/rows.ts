import type { OutboxRow } from '../schema/collections/outbox';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { notPassedOver } from './failed-rows';

/** The row of one kind. */
export type RowOf<Kind extends OutboxRow['kind']> = Extract<OutboxRow, { kind: Kind }>;

/** Rows of one round of a relay: bounded, the next round takes the rest. */
const ROWS_MAX = 100;

/**
 * The oldest rows of a kind, of those that were written before `before`; not those that failed a moment ago, however many
 * there are.
 */
export async function findRows<Kind extends OutboxRow['kind']>(
  database: Database,
  kind: Kind,
  before: Date,
): Promise<RowOf<Kind>[]> {
  const due = { kind, createdAt: { $lt: before }, ...notPassedOver(new Date()) };
  const rows = await database.outbox.find(due, { sort: { createdAt: 1 }, limit: ROWS_MAX, ...READ }).toArray();
  return rows.filter((row): row is RowOf<Kind> => row.kind === kind);
}

/** Takes rows out of the outbox: what they ask for was done. Repeating it finds none of them. */
export async function removeRows(database: Database, ids: string[]): Promise<void> {
  await database.outbox.deleteMany({ _id: { $in: ids } });
}
