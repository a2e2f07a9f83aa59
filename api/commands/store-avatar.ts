import { createHash, randomBytes } from 'node:crypto';
import type { BlobStore } from '../../platform/blobs/blob-store';
import type { AvatarPool } from '../../platform/images/avatar-pool';
import type { Logger } from '../../platform/logger';
import { findAvatar, type StoredAvatar } from '../../store/agents/avatars';
import type { Database } from '../../store/schema/database';

/** Whose picture it is. `shown`: the key that its row holds now, where a picture that is shown already may stay. */
export interface AvatarOwner {
  kind: 'agent' | 'group';
  id: string;
  shown: string | null;
}

export interface AvatarDeps {
  database: Database;
  blobs: BlobStore;
  pool: AvatarPool;
  log: Logger;
}

/** Pictures of agents and of groups alike. */
export function createAvatars({ database, blobs, pool, log }: AvatarDeps) {
  return {
    /**
     * Checks 5 to 11 of identity.md §13 and the object's part of the order of writes: whoever calls shows the result in
     * its own transaction (`writeAvatar`), then discards what that replaced.
     *
     * The same image has the same key. Where `shown` is that key and its object is there, nothing is written.
     * @throws AppError as `processAvatar`, 413, SERVICE_UNAVAILABLE, STORAGE_UNAVAILABLE
     */
    async store(owner: AvatarOwner, read: () => Promise<Buffer>): Promise<StoredAvatar & { isShown: boolean }> {
      const image = await pool.process(read);
      const key = keyOf(owner, image);
      const shown = owner.shown === key ? await findAvatar(database, key) : null;
      if (shown !== null && (await blobs.stat(shown.blobKey)) !== null) {
        return { key, blobKey: shown.blobKey, isShown: true };
      }
      const blobKey = `avatars/${key.replaceAll('/', '-')}.${randomBytes(6).toString('hex')}`;
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

/** identity.md §13.1: one part for the owner, which does not tell its id, and one for the picture. */
function keyOf({ kind, id }: AvatarOwner, image: Buffer): string {
  const folder = kind === 'group' ? 'g/' : '';
  return `${folder}${sha256(id).slice(0, 16)}/${sha256(image).slice(0, 32)}.webp`;
}

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
