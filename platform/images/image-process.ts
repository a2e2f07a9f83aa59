import { fork } from 'node:child_process';
import path from 'node:path';
import { AppError } from '../../contract/errors';
import type { AvatarAnswer } from './avatar-process';

/** An image that waits for its avatar. */
export interface Job {
  bytes: Uint8Array;
  resolve: (image: Buffer) => void;
  reject: (error: unknown) => void;
}

/** How long the process is kept without an image. */
const IDLE_MS = 60_000;
/** How long an image may take before its process is ended; longer than the decoder's own limits together. */
const IMAGE_MS_MAX = 150_000;
/** After an image it rests as long as it worked, up to this: pictures take half a core of a machine, not one. */
const REST_MS_MAX = 1_000;
/** How long callers are asked to wait when no process could be started. */
const RETRY_MS = 2_000;

/**
 * A process of low priority that makes avatars, one at a time. What kills or hangs it fails the image in work alone. It
 * ends after a while without one, and when whoever started it ends. It knows no secret: its environment is empty.
 */
export class ImageProcess {
  private readonly child = fork(path.join(__dirname, 'avatar-process.js'), {
    // A session of its own: its priority is set for all of that (low-priority.ts).
    detached: true,
    env: {},
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  private job: Job | null = null;
  private startedMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private hasEnded = false;

  /**
   * @param onFree called after each image that it made or refused
   * @param onEnd called once: it takes no further image
   */
  constructor(
    private readonly onFree: () => void,
    private readonly onEnd: () => void,
  ) {
    // The api must be able to end while it waits here.
    this.child.unref();
    this.child.channel?.unref();
    this.child.on('message', (answer: AvatarAnswer) => this.finish(answer));
    this.child.once('exit', () => this.end(new AppError('PROCESSING_FAILED')));
    // It could not be started: nothing is wrong with the image.
    this.child.once('error', () => this.end(new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS)));
  }

  /** For one that is free. */
  run(job: Job): void {
    this.job = job;
    this.startedMs = performance.now();
    this.endIn(IMAGE_MS_MAX);
    // One that is gone says so by its end.
    this.child.send(job.bytes, () => undefined);
  }

  /** @param error what the image in work gets */
  end(error: AppError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearTimeout(this.timer);
    this.child.kill('SIGKILL');
    this.job?.reject(error);
    this.onEnd();
  }

  private finish(answer: AvatarAnswer): void {
    if (this.hasEnded) return;
    const { job } = this;
    this.job = null;
    this.endIn(IDLE_MS);
    if ('image' in answer) job?.resolve(Buffer.from(answer.image));
    else job?.reject(new AppError(answer.code));
    setTimeout(this.onFree, Math.min(REST_MS_MAX, performance.now() - this.startedMs)).unref();
  }

  private endIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(new AppError('PROCESSING_FAILED')), ms).unref();
  }
}
