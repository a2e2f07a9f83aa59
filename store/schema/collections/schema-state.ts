import { NUMBER, shape, collection } from './collection';

/** What was done to bring a database to its version. */
export interface AppliedMigration {
  number: number;
  name: string;
  /** Of the migration's source, as it was when it was applied. */
  checksum: string;
  at: Date;
}

/** How far the database is: one document, so that version and lease change in one step. */
export interface SchemaState {
  _id: 'schema';
  /** The number of the last migration that is done; 0 = none. */
  version: number;
  applied: AppliedMigration[];
  /** Who migrates just now. A migrator that dies leaves it until `until`. */
  migrator: { token: string; until: Date } | null;
}

export const schemaState = collection<SchemaState>({
  schema: shape({ _id: 'string', version: NUMBER, applied: 'array', migrator: ['object', 'null'] }),
  indexes: [],
});
