import type { ExpandDeps } from '../delivery/expand-intents';
import { recoverStep, type RecoveryStep } from '../delivery/recover';
import type { RecoveryCursor } from '../workflows/messages/webhook-recovery';
import { proveProgress } from './progress';

export interface RecoveryActivityDeps extends ExpandDeps {
  /** There is a new first attempt to make. */
  wake: (webhookId: string) => void;
}

/** One run of the activity ends by then, so that the flow sees and shows how far it is. */
const RUN_MS = 20_000;

export interface RecoverInput {
  webhookId: string;
  since: number;
  until: number;
  status: 'dead' | 'failed' | null;
  cursor: RecoveryCursor | null;
  now: number;
}

/** The side effects of a recovery. Inputs and results hold ids, times, states and counts only. */
export function createRecoveryActivities(deps: RecoveryActivityDeps) {
  /** Steps until the endpoint has enough to do, the time is up or nothing is left. */
  async function run({ webhookId, cursor, ...input }: RecoverInput): Promise<RecoveryStep> {
    const endMs = performance.now() + RUN_MS;
    const scope = { since: new Date(input.since), until: new Date(input.until), status: input.status };
    let made = 0;
    for (let at = cursor; ;) {
      const step = await recoverStep(deps, { webhookId, scope, cursor: at, now: new Date(input.now) });
      made += step.made;
      if (step.made > 0) deps.wake(webhookId);
      if (step.stage !== 'recovering' || performance.now() > endMs) return { ...step, made };
      proveProgress();
      at = step.cursor;
    }
  }

  return {
    /** A second run goes on where the first stopped, or reads its part again: nothing is sent by both. */
    recoverDeliveries: run,
  };
}

export type RecoveryActivities = ReturnType<typeof createRecoveryActivities>;
