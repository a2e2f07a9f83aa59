import { createHash, randomBytes } from 'node:crypto';
import type { BlobStore } from '../platform/blobs/blob-store';
import type { AvatarPool } from '../platform/images/avatar-pool';
import type { Logger } from '../platform/logger';
import { findAvatar, type StoredAvatar } from '../store/avatars';
import type { Database } from '../store/database';

export interface AvatarDeps {
  database: Database;
  blobs: BlobStore;
  pool: AvatarPool;
  log: Logger;
}

/** Pictures of agents and of groups alike: whose they are stands only in the owner's row. */
export function createAvatars({ database, blobs, pool, log }: AvatarDeps) {
  return {
    /**
     * Checks 5 to 11 of identity.md §13 and the object's part of the order of writes: whoever calls shows the result in
     * its own transaction (`writeAvatar`), then discards what that replaced.
     *
     * The key follows from the picture and `salt`, a secret of the owner's that never changes: the same image has the
     * same URL, and nobody can tell whose it is. Where `shown`, the owner's key now, is that key, nothing is written.
     * @throws AppError as `processAvatar`, 413, SERVICE_UNAVAILABLE, STORAGE_UNAVAILABLE
     */
    async store(
      owner: { salt: string; shown: string | null },
      read: () => Promise<Buffer>,
    ): Promise<StoredAvatar & { isShown: boolean }> {
      const image = await pool.process(read);
      const content = createHash('sha256').update(image).digest('hex');
      const key = `${createHash('sha256').update(`avatar|${owner.salt}|${content}`).digest('hex').slice(0, 40)}.webp`;
      const shown = owner.shown === key ? await findAvatar(database, key) : null;
      if (shown !== null && (await blobs.stat(shown.blobKey)) !== null) {
        return { key, blobKey: shown.blobKey, isShown: true };
      }
      const blobKey = `avatars/${key}.${randomBytes(6).toString('hex')}`;
      await blobs.put(blobKey, image, { bytes: image.length, contentType: 'image/webp' });
      return { key, blobKey, isShown: false };
    },

    /** Removes an object that nothing shows any more. Best effort: what stays is swept up later. */
    discard(blobKey: string | null): void {
      if (blobKey === null) return;
      blobs.remove(blobKey).catch((error: unknown) => log.warn({ event: 'avatar.left_behind', blobKey, err: error }));
    },
  };
}

export type Avatars = ReturnType<typeof createAvatars>;
