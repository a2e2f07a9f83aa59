import { setTimeout as sleep } from 'node:timers/promises';
import type { ChangeStream, ChangeStreamDocument, Document } from 'mongodb';

/** How long a broken change stream waits before it is opened afresh. */
const REOPEN_MS = 500;

export interface FollowedChanges {
  /** False until the stream is open, and from a break until it is open again. */
  isOpen(): boolean;
  /** Resolves when it is open for the first time, or closed before that. */
  opened: Promise<void>;
  close(): Promise<void>;
}

/**
 * Follows a change stream until closed. It is a wake-up and no record: after a break it opens afresh, never with the
 * old token, and `onOpened` has to look for what came in between.
 */
export function followChanges<Shape extends Document, Change extends ChangeStreamDocument<Shape>>(
  open: () => ChangeStream<Shape, Change>,
  listeners: { onOpened: () => void; onChange: (change: Change) => void; onBroken: (error: unknown) => void },
): FollowedChanges {
  let isOpen = false;
  let noteOpened: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (noteOpened = resolve));
  const closing = new AbortController();
  let stream: ChangeStream<Shape, Change> | null = null;
  const follow = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        stream = open();
        // The server's first answer carries the first token: what is written from then on is seen. The driver asks for
        // it only with the first read, so what was written between `open` and that answer is not.
        stream.once('resumeTokenChanged', () => {
          isOpen = true;
          noteOpened();
          listeners.onOpened();
        });
        for await (const change of stream) listeners.onChange(change);
      } catch (error) {
        if (!closing.signal.aborted) listeners.onBroken(error);
      }
      isOpen = false;
      await sleep(REOPEN_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const following = follow();
  return {
    isOpen: () => isOpen,
    opened,
    close: async () => {
      closing.abort();
      await stream?.close();
      await following;
      noteOpened();
    },
  };
}
