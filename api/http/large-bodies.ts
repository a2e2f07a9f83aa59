import { AppError } from '../../contract/errors';

/** Three of the largest bodies there are: each is in memory several times while it is read. */
const HELD_BYTES_MAX = 67_108_864;
const RETRY_MS = 5_000;

/**
 * Bounds what large bodies hold in this process together, from their first byte to the end of their use. What there is no
 * room for is refused; usual bodies do not count.
 */
export class LargeBodies {
  private held = 0;

  constructor(private readonly bytesMax = HELD_BYTES_MAX) {}

  /** @throws AppError SERVICE_UNAVAILABLE */
  hold(bytes: number): void {
    if (this.held + bytes > this.bytesMax) {
      throw new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS, 'Too many large bodies at once');
    }
    this.held += bytes;
  }

  release(bytes: number): void {
    this.held -= bytes;
  }
}
