import { z } from 'zod';

/**
 * Text of `min` to `max` UTF-16 units: what conventions.md §14 counts, and what clients see as a string's length. zod's
 * own `max` counts an emoji as one.
 */
export function boundedText({ min = 0, max }: { min?: number; max: number }) {
  const range = min === max ? `${max}` : `${min} to ${max}`;
  return z
    .string()
    .refine((value) => value.length >= min && value.length <= max, `Expected ${range} characters`)
    .meta({ ...(min === 0 ? {} : { minLength: min }), maxLength: max });
}
