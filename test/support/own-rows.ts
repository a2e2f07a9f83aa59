import { explainQueries } from '../../bench/explain';
import type { Database } from '../../store/schema/database';

/** An operation of the store, named by what it is about. */
export type NamedCall = [name: string, work: () => Promise<unknown>];

/**
 * Fails unless each query of the work reads its own rows only, by an index.
 * @param database opened with `isMonitored`, and filled with rows of others
 * @param docsMax documents that one query may look at; of keys it may be ten more
 */
export async function expectOwnRowsOnly(
  database: Database,
  work: () => Promise<unknown>,
  docsMax: number,
): Promise<void> {
  const explained = await explainQueries(database, work);
  expect(explained.length).toBeGreaterThan(0);
  for (const one of explained) {
    expect({ ...one, isCollectionScan: false }).toEqual(one);
    expect([one, one.docsExamined <= docsMax, one.keysExamined <= docsMax + 10]).toEqual([one, true, true]);
  }
}

/** That as a test for each of these calls. */
export function testOwnRowsOnly(database: Database, calls: NamedCall[], docsMax: number): void {
  test.each(calls)('%s: its own rows only, by an index', (_name, work) => expectOwnRowsOnly(database, work, docsMax));
}

/** A number for each of so many rows. */
export const rowNumbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
