import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { type Guardian } from './guardian';

const keptLinesMax = 200;

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A running process of the stack. */
export interface Child {
  name: string;
  pid: number;
  /** Settles when the process has ended; never rejects. */
  exited: Promise<Exit>;
  isRunning(): boolean;
  /** The latest lines of its output, oldest first, at most 200. */
  tail(): string[];
  /** What the process said over its IPC channel when it was ready. Rejects when it ends or is late. */
  ready(timeoutMs: number): Promise<Record<string, unknown>>;
  /** Asks it to end, and kills it after `graceMs`. Safe to call again and after its end. */
  stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL', graceMs: number): Promise<Exit>;
}

export interface ChildOptions {
  name: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  guardian?: Guardian;
  /** A Node process of ours: it announces itself over IPC (platform/ready). */
  hasChannel?: boolean;
  onLine?: (line: string) => void;
}

/**
 * Starts a process in its own process group, so that Ctrl-C reaches only whoever supervises it.
 * Its output is kept (bounded) and passed on line by line.
 * @throws the operating system's error when the program cannot be started
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const spawned = spawn(options.command, options.args, {
    env: options.env,
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(options.hasChannel === true ? (['ipc'] as const) : [])],
  });
  const exited = exitOf(spawned);
  const ready = readyOf(spawned);
  const lines = keepLines(spawned, options.onLine);
  await new Promise<void>((resolve, reject) => {
    spawned.once('spawn', resolve);
    spawned.once('error', reject);
  });
  const pid = spawned.pid ?? 0;
  options.guardian?.watch(pid);
  void exited.then(() => options.guardian?.unwatch(pid));
  const isRunning = (): boolean => spawned.exitCode === null && spawned.signalCode === null;
  return {
    name: options.name,
    pid,
    exited,
    isRunning,
    tail: () => [...lines],
    ready: (timeoutMs) => firstOf(options.name, ready, exited, timeoutMs, lines),
    async stop(signal, graceMs) {
      if (isRunning()) spawned.kill(signal);
      const timer = setTimeout(() => spawned.kill('SIGKILL'), graceMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}

function exitOf(spawned: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    // `close` comes after the last line of output; a grandchild that keeps the pipes open must not delay us.
    spawned.once('exit', (code, signal) => setImmediate(() => resolve({ code, signal })));
    spawned.once('error', () => resolve({ code: null, signal: null }));
  });
}

function readyOf(spawned: ChildProcess): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    spawned.on('message', (message) => {
      if (typeof message === 'object' && 'ready' in message) resolve({ ...message });
    });
  });
}

function keepLines(spawned: ChildProcess, onLine?: (line: string) => void): string[] {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > keptLinesMax) lines.shift();
    onLine?.(line);
  };
  const streams: (Readable | null)[] = [spawned.stdout, spawned.stderr];
  for (const stream of streams) {
    if (stream !== null) createInterface({ input: stream, crlfDelay: Infinity }).on('line', keep);
  }
  return lines;
}

async function firstOf(
  name: string,
  ready: Promise<Record<string, unknown>>,
  exited: Promise<Exit>,
  timeoutMs: number,
  lines: readonly string[],
): Promise<Record<string, unknown>> {
  const output = (): string => lines.map((line) => `\n    ${line}`).join('');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} was not ready within ${timeoutMs} ms${output()}`)), timeoutMs);
  });
  const ended = exited.then(({ code, signal }): never => {
    throw new Error(`${name} ended before it was ready (${signal ?? `exit code ${code}`})${output()}`);
  });
  try {
    return await Promise.race([ready, ended, late]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => undefined);
  }
}
