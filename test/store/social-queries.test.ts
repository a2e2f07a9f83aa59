import type { Document } from 'mongodb';
import type { Database } from '../../store/schema/database';
import {
  findOverdue,
  findUnsettled,
  listReports,
  listTransitions,
  loadEvidence,
  settleUndecided,
} from '../../store/enforcement/enforcement';
import { listEnforced } from '../../store/enforcement/enforcement-view';
import { listMutes } from '../../store/contacts/mutes';
import { useDatabase } from '../support/database';

/** A list that scans its collection passes every other test, and stops a service that grew. */
describe('reads of blocks, reports, enforcement and mutes use their indexes', () => {
  const database = useDatabase();

  type Explained = { find: (filter: object, options: object) => { explain: (verbosity: string) => Promise<Document> } };

  /** The database, with every find answering no rows and leaving its plan behind. */
  function watched(plans: Document[]): Database {
    const watch = (collection: Explained) => ({
      countDocuments: () => Promise.resolve(0),
      find: (filter: object, options: { session?: unknown }) => ({
        toArray: async () => {
          plans.push((await collection.find(filter, options).explain('queryPlanner')).queryPlanner.winningPlan);
          return [];
        },
      }),
    });
    const names = ['blocks', 'reports', 'enforcements', 'enforcementTransitions', 'agents', 'mutes'] as const;
    return { ...database, ...Object.fromEntries(names.map((name) => [name, watch(database[name] as never)])) };
  }

  const now = new Date();
  const page = { limit: 10, offset: 0 };
  const reads: [string, string[], (database: Database) => Promise<unknown>][] = [
    ['evidence', ['blocked_counting', 'reported_counting'], (own) => loadEvidence(own, 'a', now)],
    ['undecided reports', ['reported_undecided'], (own) => settleUndecided(own, 'a', undefined as never)],
    ['all reports', ['reported_created'], (own) => listReports(own, 'a', page)],
    ['history', ['agent_number'], (own) => listTransitions(own, 'a', page)],
    ['unsettled transitions', ['agent_unsettled'], (own) => findUnsettled(own, 'a')],
    ['overdue restrictions', ['due'], (own) => findOverdue(own, now, 10)],
    ['restricted agents', ['enforced_handle'], (own) => listEnforced(own, 'restricted', page)],
    ['mutes', ['muter_created'], (own) => listMutes(own, 'a', { now })],
  ];

  test.each(reads)('%s: %p', async (_name, indexes, read) => {
    const plans: Document[] = [];
    await read(watched(plans));
    expect(plans).toHaveLength(indexes.length);
    for (const [place, index] of indexes.entries()) {
      const plan = JSON.stringify(plans[place]);
      expect(plan).toContain(`"indexName":"${index}"`);
      expect(plan).not.toContain('COLLSCAN');
      // Sorted by the index: a page costs what it shows.
      expect(plan).not.toMatch(/"stage":"SORT"/);
    }
  });
});
