import { z } from 'zod';
import { normaliseHandle } from './handles';
import {
  DIRECTORY_PAGE_DEFAULT,
  DIRECTORY_PAGE_MAX,
  DIRECTORY_QUERY_LENGTH_MAX,
  DIRECTORY_QUERY_LENGTH_MIN,
} from './limits';
import { pageQuery } from './paging';

/** identity.md §14: the beginning of a handle as callers type it; literal text, whatever characters it holds. */
const prefix = z
  .string()
  .transform((typed) => normaliseHandle(typed.trim()))
  .refine(
    (text) => text.length >= DIRECTORY_QUERY_LENGTH_MIN && text.length <= DIRECTORY_QUERY_LENGTH_MAX,
    `Expected ${DIRECTORY_QUERY_LENGTH_MIN} to ${DIRECTORY_QUERY_LENGTH_MAX} characters`,
  )
  .meta({ description: 'Beginning of a handle, one leading @ is dropped', minLength: 2 });

export const directoryQuerySchema = pageQuery({ default: DIRECTORY_PAGE_DEFAULT, max: DIRECTORY_PAGE_MAX }).extend({
  q: prefix,
});

export const directoryRowSchema = z.object({
  handle: z.string(),
  display_name: z.string().nullable(),
  description: z.string().nullable(),
  avatar_url: z.string().nullable(),
  created_at: z.iso.datetime(),
  /** Only for authenticated callers, then always. */
  in_contacts: z.boolean().optional(),
});

export type DirectoryRowView = z.infer<typeof directoryRowSchema>;

export const directorySchema = z.object({
  agents: z.array(directoryRowSchema),
  total: z.int().min(0),
  limit: z.int().min(1),
  offset: z.int().min(0),
});
