import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';

const bytesMax = 10 * 1024 * 1024;

/** The output of one process on disk: at most 20 MB in two files, the older one with the ending `.1`. */
export interface LogFile {
  write(line: string): void;
  close(): Promise<void>;
}

/** Appends to the file. A full disk loses lines, never the stack. */
export function createLogFile(path: string): LogFile {
  let bytes = sizeOf(path);
  let stream = open(path);
  return {
    write(line) {
      stream.write(`${line}\n`);
      bytes += Buffer.byteLength(line) + 1;
      if (bytes < bytesMax) return;
      stream.end();
      try {
        renameSync(path, `${path}.1`);
      } catch {
        // The first lines are not on disk yet, or the folder is gone: go on in the same file.
      }
      stream = open(path);
      bytes = 0;
    },
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}

function open(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  stream.on('error', () => undefined);
  return stream;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
