import type { ChangeStream } from 'mongodb';
import { ALL_WEBHOOK_EVENTS } from '../../contract/events';
import type { Logger } from '../../platform/logger';
import type { OutboxRow } from '../collections/outbox';
import type { Database } from '../database';

/** How long a broken change stream waits before it is opened afresh. */
const REOPEN_MS = 500;

/**
 * Calls `onNews` when intents for webhooks are written. A wake-up and no record: it says nothing of what, and after a
 * break it opens afresh (never with the old token) and calls once, for what came in between.
 */
export function watchIntents(database: Database, log: Logger, onNews: () => void): { close: () => Promise<void> } {
  let isClosed = false;
  let stream: ChangeStream<OutboxRow> | null = null;
  const listen = async (): Promise<void> => {
    while (!isClosed) {
      try {
        stream = database.outbox.watch<OutboxRow>([{ $match: ofIntents }, { $project: { _id: 1 } }]);
        onNews();
        for await (const _ of stream) onNews();
      } catch (error) {
        if (!isClosed) log.warn({ event: 'intents.stream_broken', err: error });
      }
      if (!isClosed) await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    }
  };
  const listening = listen();
  return {
    close: async () => {
      isClosed = true;
      await stream?.close();
      await listening;
    },
  };
}

/** A row that stands for the newest of its kind is updated: what changed in it does not matter here. */
const ofIntents = {
  $or: [
    { operationType: 'insert', 'fullDocument.kind': { $in: [...ALL_WEBHOOK_EVENTS] } },
    { operationType: { $in: ['update', 'replace'] } },
  ],
};
