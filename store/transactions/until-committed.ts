import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX } from '../committer/conflicts';

/**
 * Runs `attempt`, which loads, decides and commits, until nobody else wrote in between. A commit whose answer was lost
 * is attempted again, too: so an attempt that finds its effect there already must say so and change nothing.
 */
export async function untilCommitted<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      if (tries >= TRIES_MAX) throw givenUp();
      await pauseBeforeRetry(tries);
    }
  }
}
