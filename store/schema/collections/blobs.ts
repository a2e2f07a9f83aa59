import { shape, collection } from './collection';

/**
 * A picture that is in use. `_id` = its public key, which its owner's row holds, too. Each upload writes an object of
 * its own: removing an old one can never hit the object of a later upload of the same image.
 */
export interface Avatar {
  _id: string;
  /** Key of the object in the blob store. */
  blobKey: string;
  createdAt: Date;
}

export const avatars = collection<Avatar>({
  schema: shape({ _id: 'string', blobKey: 'string', createdAt: 'date' }),
  indexes: [
    // findUnusedAvatarBlobs: which of a page of stored objects are in use
    { name: 'blob_key', key: { blobKey: 1 }, unique: true },
  ],
});
