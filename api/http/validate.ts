import type { z } from 'zod';
import { AppError } from '../../contract/errors';

/** `value` as `schema` outputs it; a failure lists what is wrong by top-level field (conventions.md §6). */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const formErrors: string[] = [];
  // No prototype: a field may be called `__proto__`.
  const fieldErrors: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const issue of parsed.error.issues) {
    const field = issue.path[0];
    if (field === undefined) formErrors.push(issue.message);
    else (fieldErrors[String(field)] ??= []).push(issue.message);
  }
  throw new AppError('VALIDATION_ERROR', { formErrors, fieldErrors });
}
