import { repeat } from '../platform/repeat';
import { watchIntents } from '../store/webhooks/intents/watch-intents';
import { expandIntents, type ExpandDeps } from './expand-intents';
import type { FailureDeps } from './failed-rows';

/** Looks for intents although nobody woke us, e.g. when another worker died with them. */
const EVERY_MS = 1_000;

/**
 * Turns intents into deliveries as they are committed, and has their first attempts made at once. Any number of workers
 * may run it; one that fails comes again with the timer.
 */
export function startIntentRelay(
  deps: ExpandDeps & FailureDeps & { wake: (webhookId: string) => void },
  everyMs = EVERY_MS,
): { stop: () => Promise<void> } {
  async function round(): Promise<boolean> {
    try {
      const { webhookIds, isMore } = await expandIntents(deps);
      for (const webhookId of webhookIds) deps.wake(webhookId);
      return isMore;
    } catch (error) {
      deps.log.warn({ event: 'intents.not_expanded', err: error });
      return false;
    }
  }
  const rounds = repeat(round, { everyMs });
  const watch = watchIntents(deps.database, deps.log, () => rounds.wake());
  return {
    stop: async () => {
      await Promise.all([rounds.stop(), watch.close()]);
    },
  };
}
