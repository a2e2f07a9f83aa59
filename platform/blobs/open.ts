import path from 'node:path';
import type { BlobStore } from './blob-store';
import { createFileStore } from './file-store';

/** True for what `openBlobStore` understands. */
export function isBlobStoreUrl(text: string): boolean {
  return /^file:./.test(text) || (/^s3:\/\/[^/?]+/.test(text) && URL.canParse(text));
}

/**
 * The store that `BLOB_STORE` names: `file:<folder>` or
 * `s3://bucket?region=…[&endpoint=…][&public_endpoint=…]`. Does not wait for it: the first call does.
 */
export async function openBlobStore(text: string): Promise<BlobStore> {
  if (text.startsWith('file:')) return createFileStore(path.resolve(text.replace(/^file:(\/\/(?=\/))?/, '')));
  const url = new URL(text);
  const parameter = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  // Some megabytes of code that a process with local files never needs.
  const { createS3Store } = await import('./s3-store.js');
  return createS3Store({
    bucket: url.hostname,
    region: parameter('region') ?? 'us-east-1',
    endpoint: parameter('endpoint'),
    publicEndpoint: parameter('public_endpoint'),
  });
}
