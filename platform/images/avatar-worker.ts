import { parentPort } from 'node:worker_threads';
import { isAppError } from '../../contract/errors';
import type { ErrorCode } from '../../contract/codes';
import { processAvatar } from './process-avatar';

/** What the thread answers: one answer per image, in their order. */
export type AvatarAnswer = { image: Uint8Array } | { code: ErrorCode };

parentPort?.on('message', (bytes: Uint8Array) => {
  void processAvatar(bytes)
    .then(
      (image): AvatarAnswer => ({ image }),
      (error: unknown): AvatarAnswer => ({ code: isAppError(error) ? error.code : 'PROCESSING_FAILED' }),
    )
    .then((answer) => parentPort?.postMessage(answer));
});
