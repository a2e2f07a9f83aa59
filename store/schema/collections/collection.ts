import type { Document, IndexDescription } from 'mongodb';

/** How one collection is made: its validator and its indexes, each with the query that it serves in a comment. */
export interface CollectionSpec<Shape extends Document> {
  /** `$jsonSchema` of the fields that the code relies on; level strict, action error. */
  schema: Document;
  indexes: (IndexDescription & { name: string })[];
  /** Never set: ties the type of the documents to the spec. */
  readonly document?: Shape;
}

/** The spec of a collection of `Shape`; its name is its key in the registry. */
export const collection = <Shape extends Document>(spec: CollectionSpec<Shape>): CollectionSpec<Shape> => spec;

/** Shorthand for `$jsonSchema` objects: required fields with their BSON types. */
export function shape(fields: Record<string, string | string[]>): Document {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, bsonType]) => [name, { bsonType }]));
  return { bsonType: 'object', required: Object.keys(fields), properties };
}

/** BSON stores whole numbers as int, long or double, depending on size. */
export const NUMBER = ['int', 'long', 'double'];
export const DATE_OR_NULL = ['date', 'null'];
export const STRING_OR_NULL = ['string', 'null'];
