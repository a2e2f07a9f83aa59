import type { Readable } from 'node:stream';

/** What is known of a stored object without reading it. */
export interface BlobInfo {
  key: string;
  bytes: number;
  modifiedAt: Date;
}

/** A stored object with its bytes, or those of the part that was asked for; whoever asked must read or destroy `content`. */
export interface Blob extends BlobInfo {
  content: Readable;
}

/** One page of a listing; `next` continues it, null ends it. */
export interface BlobPage {
  blobs: BlobInfo[];
  next: string | null;
}

export interface BlobFacts {
  /** Exactly this many bytes have to come. */
  bytes: number;
  contentType: string;
}

/** URLs by which strangers read and write objects at the store itself, past the api. */
export interface DirectUrls {
  /**
   * Lets its holder PUT exactly `bytes` bytes: length and digest are part of what is signed. Not every store checks the
   * digest, so whoever reads the object later has to.
   */
  upload(key: string, facts: { bytes: number; sha256: string; expiresInS: number }): Promise<string>;
  /** Lets its holder GET the object, shown with this type and disposition. */
  download(key: string, facts: { contentType: string; disposition: string; expiresInS: number }): Promise<string>;
}

/**
 * Where avatars and attachments lie. Every method throws AppError STORAGE_UNAVAILABLE when the store does not do its
 * work; memory does not grow with the size of an object. Keys are slash-separated names of `[A-Za-z0-9._-]`.
 */
export interface BlobStore {
  /**
   * Stores an object as a whole or not at all, durably when it resolves; an object of that key is replaced in one step.
   * @throws what `content` fails with, unchanged; then nothing is kept
   */
  put(key: string, content: Buffer | Readable, facts: BlobFacts): Promise<void>;
  /** Null when there is none. A part has to lie within the object; `bytes` are the whole object's. */
  get(key: string, part?: { first: number; last: number }): Promise<Blob | null>;
  stat(key: string): Promise<BlobInfo | null>;
  /** Removing what is not there is done already. */
  remove(key: string): Promise<void>;
  /** Objects whose key begins with `prefix` (ending in `/`), in an order of the store's own. */
  list(prefix: string, page: { after: string | null; limit: number }): Promise<BlobPage>;
  /** Removes what interrupted writes left before `olderThan`; returns how many. */
  removeUnfinished(olderThan: Date): Promise<number>;
  isUp(): Promise<boolean>;
  /** Null: the store has no listener of its own, bytes go through signed URLs of the api. */
  direct: DirectUrls | null;
  close(): void;
}
