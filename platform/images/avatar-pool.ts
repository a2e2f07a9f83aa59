import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../contract/errors';
import type { AvatarAnswer } from './avatar-worker';

export interface AvatarPoolOptions {
  /** Threads at most; they start with the first images. */
  threads: number;
  /** Images that may be held here, waiting ones included. */
  imagesMax: number;
}

/** Two decode beside the requests of a small machine; 32 images of 5 MiB are what a process may hold. */
const DEFAULTS: AvatarPoolOptions = { threads: 2, imagesMax: 32 };

/** How long callers are asked to wait when the pool is full. */
const RETRY_MS = 2_000;

interface Job {
  bytes: Uint8Array;
  resolve: (image: Buffer) => void;
  reject: (error: unknown) => void;
}

/** Image work off the event loop: a bounded number of threads, each with one image at a time, and a bounded queue. */
export function createAvatarPool(options: Partial<AvatarPoolOptions> = {}) {
  const { threads, imagesMax } = { ...DEFAULTS, ...options };
  const queue: Job[] = [];
  const idle: Thread[] = [];
  let running = 0;
  let held = 0;

  const next = (): void => {
    const job = queue[0];
    if (job === undefined) return;
    const thread = idle.pop() ?? (running < threads ? startThread() : null);
    if (thread === null) return;
    queue.shift();
    thread.run(job);
  };

  const startThread = (): Thread => {
    running += 1;
    return new Thread(
      (thread) => {
        idle.push(thread);
        next();
      },
      (thread) => {
        running -= 1;
        if (idle.includes(thread)) idle.splice(idle.indexOf(thread), 1);
        next();
      },
    );
  };

  return {
    /**
     * Reads an image with `read` and makes an avatar of it. A place is taken before the first byte is read.
     * @throws AppError as `processAvatar`; SERVICE_UNAVAILABLE when the pool is full; what `read` throws
     */
    async process(read: () => Promise<Uint8Array>): Promise<Buffer> {
      if (held >= imagesMax) throw new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS);
      held += 1;
      try {
        const bytes = await read();
        return await new Promise((resolve, reject) => {
          queue.push({ bytes, resolve, reject });
          next();
        });
      } finally {
        held -= 1;
      }
    },
    async close(): Promise<void> {
      await Promise.all(idle.map((thread) => thread.end()));
    },
  };
}

export type AvatarPool = ReturnType<typeof createAvatarPool>;

/** One thread with at most one job. A thread that dies fails its job alone; the pool starts another one. */
class Thread {
  private readonly worker = new Worker(path.join(__dirname, 'avatar-worker.js'));
  private job: Job | null = null;

  constructor(onFree: (thread: Thread) => void, onGone: (thread: Thread) => void) {
    this.worker.unref();
    this.worker.on('message', (answer: AvatarAnswer) => {
      const { job } = this;
      this.job = null;
      this.worker.unref();
      if ('image' in answer) job?.resolve(Buffer.from(answer.image));
      else job?.reject(new AppError(answer.code));
      onFree(this);
    });
    // The exit that follows says the same.
    this.worker.on('error', () => undefined);
    this.worker.once('exit', () => {
      this.job?.reject(new AppError('PROCESSING_FAILED'));
      this.job = null;
      onGone(this);
    });
  }

  run(job: Job): void {
    this.job = job;
    this.worker.ref();
    // A copy of its own: a small body can lie in a block that others use, which cannot be handed over.
    const bytes = new Uint8Array(job.bytes);
    this.worker.postMessage(bytes, [bytes.buffer]);
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
