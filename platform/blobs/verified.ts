import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { AppError } from '../../contract/errors';

/**
 * Passes on exactly the declared bytes. The last chunk is held back until length and digest are known to be right, so
 * a store that waits for all bytes never sees a whole object that is a wrong one.
 * @throws (as the stream's error) AppError PAYLOAD_TOO_LARGE, SIZE_MISMATCH, CHECKSUM_MISMATCH
 */
export function verified(declared: { bytes: number; sha256: string }): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Buffer | null = null;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      bytes += chunk.length;
      if (bytes > declared.bytes) return done(new AppError('PAYLOAD_TOO_LARGE', { max_bytes: declared.bytes }));
      hash.update(chunk);
      const ready = held;
      held = chunk;
      done(null, ready ?? undefined);
    },
    flush(done: TransformCallback) {
      if (bytes < declared.bytes) return done(new AppError('SIZE_MISMATCH'));
      if (hash.digest('hex') !== declared.sha256) return done(new AppError('CHECKSUM_MISMATCH'));
      done(null, held ?? undefined);
    },
  });
}
