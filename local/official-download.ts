import { stat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvHttpProxyAgent, request } from 'undici';
import { type OfficialName } from './binaries';
import { compiled } from './root';
import { runToEnd } from './run-to-end';

const HOSTS: Readonly<Record<OfficialName, string>> = {
  mongod: 'https://fastdl.mongodb.org',
  temporal: 'https://temporal.download',
  'temporal-test-server': 'https://temporal.download',
};

/** A closed network must cost seconds, not minutes: only a host that answers is asked for the file. */
const probeMsMax = 4_000;
const downloadMsMax = 300_000;

/**
 * Lets the library that knows the official download of a program fetch it into `folder`. It runs in a process of
 * its own, which can be ended when it takes too long.
 * @returns the path of the program below `folder`
 * @throws Error with one line: the host does not answer, or the download failed
 */
export async function downloadOfficial(
  name: OfficialName,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  onProgress: (what: string) => void,
): Promise<string> {
  const host = HOSTS[name];
  await probe(host, environment);
  onProgress(host);
  await runToEnd(process.execPath, [compiled('local/download-official'), name, folder], environment, downloadMsMax);
  return largestFile(folder);
}

async function probe(host: string, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: environment['http_proxy'] ?? environment['HTTP_PROXY'],
    httpsProxy: environment['https_proxy'] ?? environment['HTTPS_PROXY'],
    noProxy: environment['no_proxy'] ?? environment['NO_PROXY'],
  });
  try {
    const answer = await request(host, { method: 'HEAD', dispatcher, signal: AbortSignal.timeout(probeMsMax) });
    await answer.body.dump();
  } catch {
    throw new Error(`${host} does not answer`);
  } finally {
    await dispatcher.destroy();
  }
}

async function largestFile(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => ({ file, bytes: (await stat(file)).size })));
  const largest = sizes.sort((a, b) => b.bytes - a.bytes)[0];
  if (largest === undefined) throw new Error('the official download left no file');
  return largest.file;
}
