import type { Logger } from '../platform/logger';
import { watchIntents } from '../store/intents/watch-intents';
import { expandIntents, type ExpandDeps } from './expand-intents';

/** Looks for intents although nobody woke us, e.g. when another worker died with them. */
const EVERY_MS = 1_000;

/**
 * Turns intents into deliveries as they are committed, and has their first attempts made at once. Any number of workers
 * may run it; one that fails comes again with the timer.
 */
export function startIntentRelay(deps: ExpandDeps & { log: Logger; wake: (webhookId: string) => void }): {
  stop: () => Promise<void>;
} {
  let isStopped = false;
  let isAsked = false;
  let goOn: () => void = () => undefined;
  const ask = (): void => {
    isAsked = true;
    goOn();
  };
  const watch = watchIntents(deps.database, deps.log, ask);

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
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      isAsked = false;
      if ((await round()) || isAsked || isStopped) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, EVERY_MS);
        goOn = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return {
    stop: async () => {
      isStopped = true;
      ask();
      await Promise.all([running, watch.close()]);
    },
  };
}
