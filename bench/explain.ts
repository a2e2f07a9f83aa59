import type { CommandStartedEvent, Document } from 'mongodb';
import type { Database } from '../store/schema/database';

/** How MongoDB served one query of an operation. */
export interface Explained {
  collection: string;
  /** `find`, `update` and so on, with the fields that it filters by. */
  query: string;
  /** Indexes of the winning plan; `_id` is the primary one. */
  indexes: string[];
  docsExamined: number;
  keysExamined: number;
  isCollectionScan: boolean;
}

/** What belongs to a session or a wish about durability, not to the query. */
const NOT_EXPLAINED = new Set([
  'lsid',
  'txnNumber',
  'startTransaction',
  'autocommit',
  '$clusterTime',
  '$db',
  'readConcern',
  'writeConcern',
  'maxTimeMS',
  'cursor',
]);

/**
 * Runs `work` and explains every query that it sent.
 * @param database opened with `monitorCommands=true` in its URI
 */
export async function explainQueries(database: Database, work: () => Promise<unknown>): Promise<Explained[]> {
  const commands: Document[] = [];
  const listen = ({ commandName, command }: CommandStartedEvent) => {
    if (['find', 'aggregate', 'update', 'delete', 'findAndModify', 'count'].includes(commandName)) {
      commands.push(...splitCommand({ ...command }));
    }
  };
  database.client.on('commandStarted', listen);
  await work().finally(() => database.client.off('commandStarted', listen));
  const explained: Explained[] = [];
  for (const command of commands) explained.push(await explain(database, command));
  return explained;
}

/** An explain takes one update or deletion at a time. */
function splitCommand(command: Document): Document[] {
  const query = Object.fromEntries(Object.entries(command).filter(([name]) => !NOT_EXPLAINED.has(name)));
  for (const list of ['updates', 'deletes']) {
    const items: unknown = query[list];
    if (Array.isArray(items)) return items.map((item: unknown) => ({ ...query, [list]: [item] }));
  }
  return [query];
}

async function explain(database: Database, command: Document): Promise<Explained> {
  const query = 'aggregate' in command ? { ...command, cursor: {} } : command;
  const plan = await database.db.command({ explain: query, verbosity: 'executionStats' });
  const seen = walk(plan);
  return {
    collection: String(Object.values(command)[0]),
    query: describe(command),
    indexes: [...new Set(seen.indexes)],
    docsExamined: seen.docs,
    keysExamined: seen.keys,
    isCollectionScan: seen.stages.includes('COLLSCAN'),
  };
}

interface Seen {
  stages: string[];
  indexes: string[];
  docs: number;
  keys: number;
}

/** Collects what the winning plans say, however deep they lie: a pipeline holds plans of its own. */
function walk(value: unknown, seen: Seen = { stages: [], indexes: [], docs: 0, keys: 0 }): Seen {
  if (Array.isArray(value)) for (const item of value) walk(item, seen);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, child] of Object.entries(value)) {
      if (name === 'stage') seen.stages.push(String(child));
      if (name === 'indexName') seen.indexes.push(String(child));
      if (child === 'IDHACK') seen.indexes.push('_id');
      if (name === 'totalDocsExamined') seen.docs += Number(child);
      if (name === 'totalKeysExamined') seen.keys += Number(child);
      if (name !== 'rejectedPlans' && name !== 'command') walk(child, seen);
    }
  }
  return seen;
}

function describe(command: Document): string {
  const [operation = ''] = Object.keys(command);
  const pipeline: unknown = command['pipeline'];
  const first = Array.isArray(pipeline) ? (pipeline[0] as Document)['$match'] : undefined;
  const list = (command['updates'] ?? command['deletes']) as Document[] | undefined;
  // The parse point of commands that the driver built.
  const filter = (first ?? list?.[0]?.['q'] ?? command['filter'] ?? command['query'] ?? {}) as Document;
  return `${operation} {${Object.keys(filter).join(', ')}}`;
}
