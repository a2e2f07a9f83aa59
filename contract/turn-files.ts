import { z } from 'zod';
import { CONTENT_TYPES } from './attachments';
import { FILENAME_LENGTH_MAX, TURN_FILE_BYTES_MAX, TURN_FILES_MAX } from './limits';
import { boundedText } from './text';

/** Files that a user sends with a message (gateway.md §4.1). Whether the data are `size` bytes is checked behind it. */
const turnFileSchema = z.object({
  name: boundedText({ min: 1, max: FILENAME_LENGTH_MAX }),
  mimetype: z.enum(CONTENT_TYPES),
  size: z.int().min(1).max(TURN_FILE_BYTES_MAX),
  data_base64: z.string(),
});

export const turnFilesSchema = z.array(turnFileSchema).max(TURN_FILES_MAX);

export type TurnFileBody = z.output<typeof turnFileSchema>;
