import { z } from 'zod';

/** The largest offset that is looked at; pages behind it are empty for every list. */
const OFFSET_MAX = 2_147_483_647;

/**
 * A number of a query as conventions.md §9 clamps it: missing, empty or no number → default, fractions are floored,
 * then the range. Never an error.
 */
export const clamped = (range: { default: number; min: number; max: number }) =>
  z
    .string()
    .optional()
    .transform((text) => {
      const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
      if (Number.isNaN(value)) return range.default;
      return Math.min(range.max, Math.max(range.min, Math.floor(value)));
    })
    .meta({ type: 'integer', minimum: range.min, maximum: range.max, default: range.default });

/** `limit` and `offset` of a list. */
export const pageQuery = (limit: { default: number; max: number }) =>
  z.object({
    limit: clamped({ ...limit, min: 1 }),
    offset: clamped({ default: 0, min: 0, max: OFFSET_MAX }),
  });

/** An empty value counts as absent (messaging.md §8). */
export const present = (text: string | undefined): text is string => text !== undefined && text !== '';

/** Clamped into the range; what is no number is refused (messaging.md §8, dashboard.md §5). */
export const strictlyNumeric = (range: { default: number; min: number; max: number }) =>
  z
    .string()
    .optional()
    .refine((text) => !present(text) || (text.trim() !== '' && !Number.isNaN(Number(text))), 'Expected a number')
    .transform((text) =>
      present(text) ? Math.min(range.max, Math.max(range.min, Math.floor(Number(text)))) : range.default,
    );

/** `limit` and `offset` of a list that refuses what is no number. */
export const strictPage = (limit: { default: number; max: number }) =>
  z.object({
    limit: strictlyNumeric({ ...limit, min: 1 }),
    offset: strictlyNumeric({ default: 0, min: 0, max: OFFSET_MAX }),
  });
