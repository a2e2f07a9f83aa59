import { activityInfo } from '@temporalio/activity';
import type { BlobStore } from '../platform/blobs/blob-store';
import type { Logger } from '../platform/logger';
import type { Database } from '../store/schema/database';
import { expireUndelivered } from '../store/housekeeping/expire-undelivered';
import { removeOldMessages } from '../store/housekeeping/remove-old-messages';
import type { Step, StepInput } from '../store/housekeeping/step';
import { sweepAttachments } from '../store/housekeeping/sweep-attachments';
import { sweepBlobs } from '../store/housekeeping/sweep-blobs';
import { sweepOutbox } from '../store/housekeeping/sweep-outbox';
import type { HousekeepingTask } from '../workflows/messages/housekeeping';
import { proveProgress } from './progress';

export interface HousekeepingDeps {
  database: Database;
  blobs: BlobStore;
  /** `UNDELIVERED_TTL_DAYS`; 0 = off. */
  undeliveredTtlDays: number;
  log: Logger;
}

/** How long one activity takes on new steps. */
const WORK_MS = 30_000;

/** The sweeps of the housekeeping flow. */
export function createHousekeepingActivities(deps: HousekeepingDeps) {
  const steps: Record<HousekeepingTask, (input: StepInput) => Promise<Step>> = {
    attachments: (input) => sweepAttachments(deps, input),
    blobs: (input) => sweepBlobs(deps, input),
    undelivered: (input) => expireUndelivered({ database: deps.database, ttlDays: deps.undeliveredTtlDays }, input),
    retention: (input) => removeOldMessages(deps, input),
    outbox: (input) => sweepOutbox(deps, input),
  };
  return {
    /**
     * Steps of one sweep, for half a minute. A second try goes on from the last heartbeat; running a step again finds
     * nothing that is done already. `now` is the flow's time, by which the rules judge.
     */
    async sweep({ task, cursor, now }: { task: HousekeepingTask; cursor: string | null; now: number }): Promise<Step> {
      // Our own heartbeat of an earlier try: this is its parse point.
      const seen = activityInfo().heartbeatDetails as Step | undefined;
      let done: Step = seen ?? { cursor, changed: 0 };
      const endsAt = performance.now() + WORK_MS;
      do {
        const step = await steps[task]({ cursor: done.cursor, now: new Date(now) });
        done = { cursor: step.cursor, changed: done.changed + step.changed };
        proveProgress(done);
      } while (done.cursor !== null && performance.now() < endsAt);
      if (done.changed > 0) deps.log.info({ event: 'housekeeping.swept', task, changed: done.changed });
      return done;
    },
  };
}

export type HousekeepingActivities = ReturnType<typeof createHousekeepingActivities>;
