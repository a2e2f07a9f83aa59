import { repeat, type Pace } from '../../platform/repeat';
import { retry } from '../../platform/retry';

/** Time enough that a step which waits for it would be seen to wait. */
const NEVER_MS = 60_000;

describe('what is done again and again', () => {
  /** Starts it, and hands out the moments at which a step begins: each call resolves at the next one. */
  function start(pace: Pace, step: (count: number) => Promise<unknown> = () => Promise.resolve()) {
    let count = 0;
    let began: (() => void)[] = [];
    const repeating = repeat(() => {
      count += 1;
      for (const resolve of began.splice(0)) resolve();
      return step(count);
    }, pace);
    const next = (): Promise<void> => new Promise((resolve) => (began = [...began, resolve]));
    return { repeating, next, count: () => count };
  }

  test('a step that found more to do is followed by the next at once, without the pause', async () => {
    const { repeating, count } = start({ everyMs: NEVER_MS }, (step) => Promise.resolve(step < 5));
    // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
    await new Promise(setImmediate);
    expect(count()).toBe(5);
    await repeating.stop();
  });

  test('a wake ends the pause, and one during a step has another step follow it', async () => {
    let isWoken = false;
    const { repeating, next, count } = start({ everyMs: NEVER_MS }, () => {
      if (isWoken) repeating.wake();
      isWoken = false;
      return Promise.resolve();
    });
    // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
    await new Promise(setImmediate);
    expect(count()).toBe(1);
    isWoken = true;
    const second = next();
    repeating.wake();
    await second;
    // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
    await new Promise(setImmediate);
    expect(count()).toBe(3);
    await repeating.stop();
  });

  test('the first step can wait, and stopping before it means that there is none', async () => {
    const { repeating, count } = start({ everyMs: NEVER_MS, isLater: true });
    // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
    await new Promise(setImmediate);
    await repeating.stop();
    expect(count()).toBe(0);
  });

  test('stopping waits for the step in progress, and none follows although it found more', async () => {
    let end = (): void => undefined;
    const { repeating, count } = start({ everyMs: 1 }, () => new Promise((resolve) => (end = () => resolve(true))));
    let isStopped = false;
    const stopping = repeating.stop().then(() => (isStopped = true));
    // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
    await new Promise(setImmediate);
    expect(isStopped).toBe(false);
    end();
    await stopping;
    expect(count()).toBe(1);
  });

  test('paced from the start, a step that took longer than the pause is followed at once', async () => {
    const order: string[] = [];
    const pauseMs = 100;
    const { repeating, next } = start({ everyMs: pauseMs, isFromStart: true }, (count) => {
      order.push(`step ${count}`);
      if (count > 1) return Promise.resolve();
      const startedMs = performance.now();
      while (performance.now() - startedMs < pauseMs);
      // Counted from the end, the second step would come behind this.
      // eslint-disable-next-line no-restricted-globals -- timers are the subject here; nothing is waited out
      setTimeout(() => order.push('half a pause'), pauseMs / 2);
      return Promise.resolve();
    });
    await next();
    expect(order).toEqual(['step 1', 'step 2']);
    await repeating.stop();
  });
});

describe('what is tried again', () => {
  const failing = (times: number) => {
    let tries = 0;
    return () => (++tries <= times ? Promise.reject(new Error(`try ${tries}`)) : Promise.resolve(tries));
  };

  test('the first success is the outcome, and each failure that another try followed is told of', async () => {
    const told: number[] = [];
    await expect(retry(failing(2), { onFailure: (_, tries) => told.push(tries) })).resolves.toBe(3);
    expect(told).toEqual([1, 2]);
  });

  test('after the last try its failure is the outcome, and one that is not worth another try ends it', async () => {
    await expect(retry(failing(9), { triesMax: 3 })).rejects.toThrow('try 3');
    await expect(retry(failing(9), { triesMax: 3, isWorthIt: () => false })).rejects.toThrow('try 1');
  });
});
