import { z } from 'zod';
import { CONTACT_NOTES_LENGTH_MAX, CONTACTS_PAGE_DEFAULT, CONTACTS_PAGE_MAX, REPORT_REASON_LENGTH_MAX } from './limits';
import { pageQuery } from './paging';
import { boundedText } from './text';

/** social.md §2.1: one entry of a contact book. */
export const contactSchema = z
  .object({
    handle: z.string(),
    display_name: z.string().nullable(),
    description: z.string().nullable(),
    avatar_url: z.string().nullable(),
    status: z.enum(['active', 'restricted', 'suspended', 'deleted']),
    notes: z.string().nullable(),
    added_at: z.iso.datetime(),
  })
  .meta({ id: 'Contact' });

export type ContactView = z.infer<typeof contactSchema>;

const notes = boundedText({ max: CONTACT_NOTES_LENGTH_MAX });
/** Empty notes are no notes. */
const cleared = (text: string | null): string | null => (text === '' ? null : text);

/** social.md §2.2: `null` counts as not sent, so that clients which send every field erase nothing. */
export const addContactSchema = z.object({
  handle: z.string().min(1),
  notes: notes.nullish().transform((text) => (text === undefined || text === null ? undefined : cleared(text))),
});

/** social.md §2.2, D-19: the key has to be there; `null` and `""` clear. */
export const updateContactSchema = z.object({ notes: notes.nullable().transform(cleared) });

export const contactsQuerySchema = pageQuery({ default: CONTACTS_PAGE_DEFAULT, max: CONTACTS_PAGE_MAX });

export const contactsSchema = z.object({
  contacts: z.array(contactSchema),
  total: z.int().min(0),
  limit: z.int().min(1),
  offset: z.int().min(0),
});

export const checkedContactSchema = contactSchema.extend({ is_contact: z.literal(true) });

/** social.md §4. `null` counts as absent. */
export const reportSchema = z.object({
  reason: boundedText({ max: REPORT_REASON_LENGTH_MAX })
    .nullish()
    .transform((text) => (text === undefined || text === '' ? null : text)),
});

export const okSchema = z.object({ ok: z.literal(true) });
