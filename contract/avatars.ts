import { z } from 'zod';

/** What setting a picture answers: identity.md §13.1, groups.md §5.4. */
export const avatarSchema = z.object({ avatar_key: z.string(), avatar_url: z.url() });
