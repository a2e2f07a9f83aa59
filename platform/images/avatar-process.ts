import './low-priority';
import type { ErrorCode } from '../../contract/codes';
import { isAppError } from '../../contract/errors';
import { processAvatar } from './process-avatar';

/** What this process answers: one answer per image, in their order. */
export type AvatarAnswer = { image: Uint8Array } | { code: ErrorCode };

process.on('message', (bytes: Uint8Array) => {
  void processAvatar(bytes)
    .then(
      (image): AvatarAnswer => ({ image }),
      (error: unknown): AvatarAnswer => ({ code: isAppError(error) ? error.code : 'PROCESSING_FAILED' }),
    )
    .then((answer) => process.send?.(answer));
});
// Whoever started it is gone, however it ended. An exit in order would wait for the image in work.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
