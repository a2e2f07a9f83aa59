import { ALL_WEBHOOK_EVENTS } from '../../../contract/events';
import type { Logger } from '../../../platform/logger';
import type { OutboxRow } from '../../schema/collections/outbox';
import type { Database } from '../../schema/database';
import { followChanges } from '../../schema/change-stream';

/**
 * Calls `onNews` when intents for webhooks are written. A wake-up and no record: it says nothing of what, and after a
 * break it opens afresh (never with the old token) and calls once, for what came in between.
 */
export function watchIntents(database: Database, log: Logger, onNews: () => void): { close: () => Promise<void> } {
  return followChanges(() => database.outbox.watch<OutboxRow>([{ $match: ofIntents }, { $project: { _id: 1 } }]), {
    onOpened: onNews,
    onChange: onNews,
    onBroken: (error) => log.warn({ event: 'intents.stream_broken', err: error }),
  });
}

/** A row that stands for the newest of its kind is updated: what changed in it does not matter here. */
const ofIntents = {
  $or: [
    { operationType: 'insert', 'fullDocument.kind': { $in: [...ALL_WEBHOOK_EVENTS] } },
    { operationType: { $in: ['update', 'replace'] } },
  ],
};
