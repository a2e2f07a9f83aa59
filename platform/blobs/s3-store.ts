import type { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BlobPage, BlobStore, DirectUrls } from './blob-store';
import { guarded, SourceFault } from './failures';

export interface S3Options {
  bucket: string;
  region: string;
  /** Absent: Amazon's own, by region. */
  endpoint?: string;
  /** The endpoint by which agents reach the store, when it is another one. */
  publicEndpoint?: string;
}

/** Faults are thrown and logged where they are answered; the client's own lines go past our log. */
const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A store that takes connections and never answers must end in a 503, not in silence. */
const TIMEOUTS = { connectionTimeout: 3_000, requestTimeout: 30_000, throwOnRequestTimeout: true };

/**
 * Objects of an S3-compatible bucket. Credentials come from where the S3 client looks for them itself
 * (`AWS_ACCESS_KEY_ID` …, instance roles). A PUT is atomic at the store; an interrupted one leaves nothing.
 */
export function createS3Store(options: S3Options): BlobStore {
  const client = createClient(options, options.endpoint);
  const signing = createClient(options, options.publicEndpoint ?? options.endpoint);
  const Bucket = options.bucket;
  const bucket = createBucketCheck(client, Bucket);
  return {
    put: (key, content, { bytes, contentType }) =>
      guarded(() => {
        const facts = { Bucket, Key: key, ContentLength: bytes, ContentType: contentType };
        return sendBody(client, bucket, new PutObjectCommand({ ...facts, Body: content }), content);
      }),
    get: (key, part) =>
      orNull(async () => {
        const Range = part === undefined ? undefined : `bytes=${part.first}-${part.last}`;
        const found = await client.send(new GetObjectCommand({ Bucket, Key: key, Range }));
        // In Node the body of an answer is a readable stream: the client's types cover browsers, too.
        const content = found.Body as Readable;
        const whole = /\/(\d+)$/.exec(found.ContentRange ?? '')?.[1] ?? found.ContentLength ?? 0;
        return { key, bytes: Number(whole), modifiedAt: found.LastModified ?? new Date(0), content };
      }),
    stat: (key) =>
      orNull(async () => {
        const found = await client.send(new HeadObjectCommand({ Bucket, Key: key }));
        return { key, bytes: found.ContentLength ?? 0, modifiedAt: found.LastModified ?? new Date(0) };
      }),
    remove: (key) =>
      guarded(async () => {
        await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      }),
    list: (prefix, page) => guarded(() => listObjects(client, Bucket, prefix, page)),
    removeUnfinished: () => Promise.resolve(0),
    isUp: () => bucket().then(() => client.send(new HeadBucketCommand({ Bucket })).then(yes, no), no),
    direct: createDirectUrls(signing, Bucket, bucket),
    close: () => {
      client.destroy();
      signing.destroy();
    },
  };
}

const yes = (): boolean => true;
const no = (): boolean => false;

function createClient({ region }: S3Options, endpoint: string | undefined): S3Client {
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    // The newer default sends bodies in chunks with trailers, which many compatible stores do not take.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: TIMEOUTS,
    logger: SILENT,
    maxAttempts: 2,
  });
}

/** The client pipes bodies without looking at their faults: one ends the request half-way, and the store drops it. */
async function sendBody(
  client: S3Client,
  bucket: () => Promise<void>,
  command: PutObjectCommand,
  content: Buffer | Readable,
): Promise<void> {
  if (Buffer.isBuffer(content)) {
    await bucket();
    await client.send(command);
    return;
  }
  const abort = new AbortController();
  content.once('error', () => abort.abort());
  const sending = bucket().then(() => client.send(command, { abortSignal: abort.signal }));
  await sending.catch((error: unknown) => {
    throw abort.signal.aborted ? new SourceFault(content.errored) : error;
  });
}

/** Makes the bucket when it is missing; asked until it answered once. */
function createBucketCheck(client: S3Client, Bucket: string): () => Promise<void> {
  let isThere = false;
  return async () => {
    if (isThere) return;
    const exists = await client.send(new HeadBucketCommand({ Bucket })).then(yes, (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    });
    if (!exists) {
      await client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
        // Another process was first.
        if (!hasName(error) || !/^BucketAlready/.test(error.name)) throw error;
      });
    }
    isThere = true;
  };
}

/** `x-amz-checksum-sha256` goes into the query, `content-length` into the signed headers: clients send it anyway. */
function createDirectUrls(client: S3Client, Bucket: string, bucket: () => Promise<void>): DirectUrls {
  return {
    upload: (key, { bytes, sha256, expiresInS }) =>
      guarded(async () => {
        await bucket();
        const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
        const command = new PutObjectCommand({ Bucket, Key: key, ContentLength: bytes, ChecksumSHA256 });
        const signableHeaders = new Set(['host', 'content-length']);
        return getSignedUrl(client, command, { expiresIn: expiresInS, signableHeaders });
      }),
    download: (key, { contentType, disposition, expiresInS }) =>
      guarded(() => {
        const command = new GetObjectCommand({
          Bucket,
          Key: key,
          ResponseContentType: contentType,
          ResponseContentDisposition: disposition,
          ResponseCacheControl: 'private, no-store',
        });
        return getSignedUrl(client, command, { expiresIn: expiresInS });
      }),
  };
}

async function listObjects(
  client: S3Client,
  Bucket: string,
  prefix: string,
  page: { after: string | null; limit: number },
): Promise<BlobPage> {
  const found = await client.send(
    new ListObjectsV2Command({ Bucket, Prefix: prefix, MaxKeys: page.limit, StartAfter: page.after ?? undefined }),
  );
  const blobs = (found.Contents ?? []).map((object) => ({
    key: object.Key ?? '',
    bytes: object.Size ?? 0,
    modifiedAt: object.LastModified ?? new Date(0),
  }));
  return { blobs, next: found.IsTruncated === true ? (blobs.at(-1)?.key ?? null) : null };
}

function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  return guarded(() =>
    work().catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    }),
  );
}

function hasName(error: unknown): error is { name: string } {
  return typeof error === 'object' && error !== null && 'name' in error && typeof error.name === 'string';
}

/** Recognised by the status, for compatible stores name their errors differently. */
function isMissing(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return false;
  const { $metadata } = error;
  return typeof $metadata === 'object' && $metadata !== null && Reflect.get($metadata, 'httpStatusCode') === 404;
}
