import { AppError } from '../../contract/errors';
import { ImageProcess, type Job } from './image-process';

/** Images of 5 MiB that the api may hold, waiting ones included. */
const IMAGES_MAX = 32;

/** How long callers are asked to wait when the pool is full. */
const RETRY_MS = 2_000;

/** Image work outside of the api: one image at a time, and a bounded queue. The process starts with the first image. */
export function createAvatarPool() {
  const queue: Job[] = [];
  let process: ImageProcess | null = null;
  let isBusy = false;
  let held = 0;

  const next = (): void => {
    const job = isBusy ? undefined : queue.shift();
    if (job === undefined) return;
    isBusy = true;
    process ??= start();
    process.run(job);
  };

  const free = (): void => {
    isBusy = false;
    next();
  };

  const start = (): ImageProcess =>
    new ImageProcess(free, () => {
      process = null;
      free();
    });

  return {
    /**
     * Reads an image with `read` and makes an avatar of it. A place is taken before the first byte is read.
     * @throws AppError as `processAvatar`; SERVICE_UNAVAILABLE when the pool is full; what `read` throws
     */
    async process(read: () => Promise<Uint8Array>): Promise<Buffer> {
      if (held >= IMAGES_MAX) throw new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS);
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
    close(): void {
      process?.end(new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS));
    },
  };
}

export type AvatarPool = ReturnType<typeof createAvatarPool>;
