import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from '../../local/binaries';
import { startChild } from '../../local/child';
import { freePort } from '../../local/ports';
import { waitFor } from './wait';

/** An S3-compatible server of its own, with its data in a temporary folder. */
export interface S3Server {
  /** As in the variable `BLOB_STORE`; the bucket is made by whoever uses it first. */
  url: string;
  endpoint: string;
  bucket: string;
  /** What the S3 client reads from the environment. */
  credentials: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  stop(): Promise<void>;
}

const bucket = 'agentchat-test';
const credentials = { AWS_ACCESS_KEY_ID: 'agentchat', AWS_SECRET_ACCESS_KEY: 'only-for-this-test' };

/** Starts rclone's S3 server, which checks signatures and signed lengths, but not digests. */
export async function startS3(): Promise<S3Server> {
  const binary = await findBinary('rclone', { environment: process.env });
  const folder = await mkdtemp(join(tmpdir(), 'agentchat-s3-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = await startChild({
    name: 's3',
    command: binary,
    args: [
      ...['serve', 's3', '--addr', `127.0.0.1:${port}`, '--vfs-cache-mode', 'off', '--dir-cache-time', '0s'],
      ...['--auth-key', `${credentials.AWS_ACCESS_KEY_ID},${credentials.AWS_SECRET_ACCESS_KEY}`, folder],
    ],
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  await waitFor(() => fetch(endpoint).then(() => true), { describe: 'the S3 server' });
  return {
    url: `s3://${bucket}?endpoint=${endpoint}&region=us-east-1`,
    endpoint,
    bucket,
    credentials,
    stop: async () => {
      await child.stop('SIGTERM', 5_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
