import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStackState, stateFile } from './stack-state';

/** The guarding process gives the servers of a killed stack 8 seconds to end. */
const leftoversMsMax = 10_000;
const pollMs = 100;

/** The folder with everything that the local stack writes. */
export interface DataDir {
  path: string;
  mongoPath: string;
  temporalFile: string;
  mailFile: string;
  logsPath: string;
  /** As in the variable `SECRET_KEYS`; made at the first start and kept. */
  secretKeys: string;
  /** Lets another stack use the folder. */
  release(): Promise<void>;
}

/**
 * Creates what is missing, takes the folder for this process, and waits for servers of an earlier stack that was
 * killed and whose servers are still ending.
 * @throws Error with one line: the folder cannot be written, or another running stack has it
 */
export async function openDataDir(path: string, say: (line: string) => void): Promise<DataDir> {
  const lock = join(path, 'stack.lock');
  const folders = { mongoPath: join(path, 'mongo'), logsPath: join(path, 'logs') };
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await takeLock(lock, path);
    await waitForLeftovers(path, say);
    for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
    const secretKeys = await readOrMakeKeys(join(path, 'secret-keys'));
    return {
      path,
      ...folders,
      temporalFile: join(path, 'temporal.db'),
      mailFile: join(path, 'mails.jsonl'),
      secretKeys,
      async release() {
        await rm(stateFile(path), { force: true });
        await rm(lock, { force: true });
      },
    };
  } catch (error) {
    if (error instanceof DataDirInUse || codeOf(error) === undefined) throw error;
    throw new Error(`the data folder ${path} cannot be used (${reasonOf(error)}); set DATA_DIR to another one`);
  }
}

class DataDirInUse extends Error {}

async function takeLock(lock: string, path: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(lock, 'utf8').catch(() => '0'));
    if (isStack(holder)) {
      throw new DataDirInUse(`the data folder ${path} is in use by the running stack with process number ${holder}`);
    }
    await rm(lock, { force: true });
  }
}

/** Numbers of processes are given out again, after a restart of the machine to anybody: look at what runs there. */
function isStack(pid: number): boolean {
  if (!isAlive(pid) || pid === process.pid) return false;
  try {
    return /local.(start|main)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return process.platform !== 'linux';
  }
}

async function waitForLeftovers(path: string, say: (line: string) => void): Promise<void> {
  const earlier = Object.entries((await readStackState(path))?.processes ?? {});
  const deadline = Date.now() + leftoversMsMax;
  const alive = (): string[] => earlier.filter(([, pid]) => isAlive(pid)).map(([name]) => name);
  if (alive().length > 0) say(`waiting for the end of the earlier stack (${alive().join(', ')})`);
  while (alive().length > 0 && Date.now() < deadline) await sleep(pollMs);
}

async function readOrMakeKeys(file: string): Promise<string> {
  const made = `local:${randomBytes(32).toString('base64')}`;
  try {
    await writeFile(file, `${made}\n`, { flag: 'wx', mode: 0o600 });
    return made;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return (await readFile(file, 'utf8')).trim();
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  const reasons: Record<string, string> = {
    EACCES: 'no permission to write',
    EPERM: 'no permission to write',
    EROFS: 'read-only file system',
    ENOSPC: 'no space left',
    ENOTDIR: 'not a folder',
    EEXIST: 'not a folder',
    EISDIR: 'a folder stands where a file should be',
  };
  const code = codeOf(error) ?? '';
  return reasons[code] ?? code;
}
