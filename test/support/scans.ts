import type { Db, Document } from 'mongodb';

/** By this name the server knows the processes of a stack, whose queries all need an index; tests may scan. */
export const STACK_APP = 'agentchat-stack';

/** Has the server keep every command of the stack's processes that read a collection from end to end. */
export async function recordScans(db: Db): Promise<void> {
  const filter = {
    planSummary: /^COLLSCAN/,
    appName: STACK_APP,
    // Change streams follow the log of the server, which has no index; all else shows with its first command.
    op: { $ne: 'getmore' },
    // One row a process.
    ns: { $ne: `${db.databaseName}.nodes` },
  };
  await db.command({ profile: 1, slowms: 0, sampleRate: 1, filter });
}

/** What was recorded, each kind of command once, without its values. */
export async function findScans(db: Db): Promise<string[]> {
  await db.command({ profile: 0 });
  const rows = await db.collection('system.profile').find({}, { limit: 1_000 }).toArray();
  // What a change stream goes on with is said of it sometimes as a command: it names no query.
  const scans = rows.map((row) => ({ collection: row['ns'], shape: shapeOf(row['command']) }));
  const queries = scans.filter(({ shape }) => shape !== '[]' && !shape.includes('$changeStream'));
  return [...new Set(queries.map(({ collection, shape }) => `${String(collection)} ${shape}`))];
}

function shapeOf(command: Document | undefined): string {
  const parts = ['find', 'aggregate', 'count', 'distinct', 'findAndModify', 'query', 'q', 'filter', 'pipeline', 'sort'];
  const said = Object.entries(command ?? {}).filter(([name]) => parts.includes(name));
  return JSON.stringify(said, (_name, value: unknown) =>
    typeof value === 'string' && /^[a-z]{3,4}_|^@|:/.test(value) ? '…' : value,
  );
}
