import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BSON, type CreateCollectionOptions, type Db, type Document, type IndexDescription } from 'mongodb';
import type { Sender } from './traffic';

/**
 * A database as the first version of the server left it, before databases had versions: four agents, two direct
 * conversations, a group that one member left and one was removed from, and a group that was deleted while a member had
 * not taken its messages. Recorded from that version's own processes.
 */
interface FirstDatabase {
  /** API keys by the first part of the handle. */
  keys: Record<'ann' | 'bob' | 'eve' | 'dan', string>;
  groups: { kept: string; gone: string };
  direct: string;
  collections: {
    name: string;
    options: CreateCollectionOptions;
    indexes: IndexDescription[];
    documents: Document[];
  }[];
}

// The parse point of the recording.
const recorded = BSON.EJSON.parse(
  readFileSync(join(__dirname, 'first-database.json'), 'utf8'),
) as unknown as FirstDatabase;

export const FIRST_GROUPS = recorded.groups;
export const FIRST_DIRECT = recorded.direct;

/** An agent of the recording. */
export function firstAgent(name: keyof FirstDatabase['keys']): Sender {
  const handle = `${name}-old`;
  const rows = recorded.collections.find((collection) => collection.name === 'agents')?.documents ?? [];
  const row = rows.find((document) => document['handle'] === handle);
  return { id: String(row?.['_id']), handle, key: recorded.keys[name] };
}

/** Fills an empty database with the recording: documents, validators and indexes. */
export async function fillAsFirst(db: Db): Promise<void> {
  for (const { name, options, indexes, documents } of recorded.collections) {
    await db.createCollection(name, options);
    if (indexes.length > 0) await db.collection(name).createIndexes(indexes);
    if (documents.length > 0) await db.collection(name).insertMany(documents);
  }
}
