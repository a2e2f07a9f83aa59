import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './root';

/** Sees to it that children do not outlive this process. */
export interface Guardian {
  /** From now on the process ends when this one does. */
  watch(pid: number): void;
  /** The process has ended; its number may soon belong to somebody else. */
  unwatch(pid: number): void;
  /** The folder is removed after the watched processes have ended, however this process ends. */
  removeAtEnd(folder: string): void;
  /** Ends the guarding: what is still watched is stopped now. Resolves when all of it is gone. */
  close(): Promise<void>;
}

/**
 * Starts the guarding process (`guard.mjs`), in a process group of its own, so that a signal to the group of this
 * process does not end it first. It is started again when it dies.
 */
export function createGuardian(): Guardian {
  const pids = new Set<number>();
  const folders = new Set<string>();
  let isClosed = false;
  let guard = start();

  function start(): ChildProcess {
    const child = spawn(process.execPath, [join(projectRoot, 'local', 'guard.mjs')], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    child.on('error', () => undefined);
    child.on('exit', () => {
      if (isClosed) return;
      guard = start();
      for (const pid of pids) tell({ watch: pid });
      for (const folder of folders) tell({ remove: folder });
    });
    child.unref();
    child.channel?.unref();
    return child;
  }

  function tell(message: { watch: number } | { unwatch: number } | { remove: string }): void {
    if (guard.connected) guard.send(message, () => undefined);
  }

  return {
    watch(pid) {
      pids.add(pid);
      tell({ watch: pid });
    },
    unwatch(pid) {
      pids.delete(pid);
      tell({ unwatch: pid });
    },
    removeAtEnd(folder) {
      folders.add(folder);
      tell({ remove: folder });
    },
    async close() {
      isClosed = true;
      if (guard.exitCode !== null || guard.signalCode !== null) return;
      const exited = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
      guard.ref();
      if (guard.connected) guard.disconnect();
      await exited;
    },
  };
}
