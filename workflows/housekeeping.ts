import { continueAsNew, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { HousekeepingActivities } from '../activities/housekeeping';
import type { HousekeepingInput, HousekeepingResult, HousekeepingTask } from './messages/housekeeping';

/**
 * One activity works for half a minute at most and says where it stopped; it shows life after every step, and a try
 * that is repeated goes on from the last one. Nobody waits: it is tried until database and store answer.
 */
const { sweep } = proxyActivities<HousekeepingActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '90 seconds',
  retry: { initialInterval: '5 seconds', maximumInterval: '5 minutes' },
  summary: 'A bounded part of the sweep',
});

/** Activities of one run: its history stays small. */
const ROUNDS_MAX = 100;

const WHAT: Record<HousekeepingTask, string> = {
  attachments: 'attachments removed',
  blobs: 'unused objects removed',
  undelivered: 'undelivered messages expired',
  retention: 'old messages removed',
  outbox: 'dead intents removed',
};

/** One sweep from its beginning to its end, in bounded parts; what it found stands in the details and in the result. */
export async function housekeeping(input: HousekeepingInput): Promise<HousekeepingResult> {
  const { task } = input;
  let { cursor = null, changed = 0 } = input;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const part = await sweep({ task, cursor, now: Date.now() });
    cursor = part.cursor;
    changed += part.changed;
    setCurrentDetails(`${changed} ${WHAT[task]}${cursor === null ? '' : ' so far'}`);
    if (cursor === null) return { task, changed };
  }
  return continueAsNew<typeof housekeeping>({ task, cursor, changed });
}
