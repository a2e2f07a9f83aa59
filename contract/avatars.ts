import { z } from 'zod';

/** identity.md §13.1: a part for the owner, `g/` before those of groups, and a part for the picture. */
const avatarKey = z.string().regex(/^(g\/)?[0-9a-f]{16}\/[0-9a-f]{32}\.webp$/);

/** What setting a picture answers: identity.md §13.1, groups.md §5.4. */
export const avatarSchema = z.object({ avatar_key: avatarKey, avatar_url: z.url() });
