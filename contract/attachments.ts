import { z } from 'zod';
import { ATTACHMENT_BYTES_MAX, FILENAME_LENGTH_MAX, UPLOAD_URL_SECONDS } from './limits';
import { boundedText } from './text';

/** messaging.md §12.2: what may be sent; exact, without parameters. */
export const CONTENT_TYPES = [
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'application/json',
  'text/plain',
  'text/markdown',
  'text/csv',
  'audio/mpeg',
  'audio/wav',
  'audio/ogg',
  'video/mp4',
  'video/webm',
] as const;

const target = z
  .string()
  .min(1)
  .nullish()
  .transform((value) => value ?? undefined);

export const createUploadSchema = z
  .object({
    to: target,
    conversation_id: target,
    filename: boundedText({ min: 1, max: FILENAME_LENGTH_MAX }),
    content_type: z.enum(CONTENT_TYPES),
    size: z.int().min(1).max(ATTACHMENT_BYTES_MAX),
    sha256: z.string().regex(/^[a-f0-9]{64}$/, 'Expected 64 lowercase hex digits'),
  })
  .refine((body) => body.to === undefined || body.conversation_id === undefined, {
    message: 'At most one of to and conversation_id is allowed',
  })
  .meta({
    examples: [
      {
        to: 'bob',
        filename: 'report.pdf',
        content_type: 'application/pdf',
        size: 48_213,
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      },
    ],
  });

export const uploadSchema = z.object({
  attachment_id: z.string(),
  upload_url: z.url(),
  expires_in: z.literal(UPLOAD_URL_SECONDS),
});

/** A file of an answer of the chat gateway (gateway.md §4.2). */
export const answerAttachmentSchema = z.object({
  attachment_id: z.string(),
  filename: z.string(),
  content_type: z.string(),
  size: z.number().int(),
  url: z.url(),
});
export type AnswerAttachmentView = z.infer<typeof answerAttachmentSchema>;

/** The query of a signed URL. */
export const signedQuerySchema = z.object({ expires: z.string(), key: z.string(), signature: z.string() });
