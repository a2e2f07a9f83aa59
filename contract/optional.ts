import type { z } from 'zod';

/** A field that may be left out; `null` counts as absent (conventions.md §1). */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value): z.output<Schema> | undefined => value ?? undefined);
