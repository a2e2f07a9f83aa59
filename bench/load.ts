import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'undici';

/**
 * One call with JSON in and out.
 * @throws Error when the answer is no success
 */
export async function post(pool: Pool, path: string, key: string, body: unknown): Promise<unknown> {
  const response = await pool.request({
    method: 'POST',
    path,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.body.json();
  if (response.statusCode >= 300) throw new Error(`${path} answered ${response.statusCode}`);
  return answer;
}

/** Closed loops for `ms`: each of `lanes` starts its next call when the last one ended. Calls per second. */
export async function closedLoop(lanes: number, ms: number, call: (lane: number) => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      while (performance.now() - startedMs < ms) {
        await call(lane);
        calls += 1;
      }
    }),
  );
  return calls / ((performance.now() - startedMs) / 1000);
}

/** One call after the other: how long each took. */
export async function timed(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const durations: number[] = [];
  for (let index = 0; index < count; index += 1) durations.push(await durationOf(call));
  return durations;
}

export async function durationOf(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await call();
  return performance.now() - startedMs;
}

/**
 * An open loop: calls start at a steady pace until `isOver`, whether those before have ended or not. Resolves with how
 * long each took when all have ended.
 */
export async function paced(
  perSecond: number,
  isOver: () => boolean,
  call: (index: number) => Promise<unknown>,
): Promise<number[]> {
  const pending: Promise<number>[] = [];
  const startedMs = performance.now();
  while (!isOver()) {
    const index = pending.length;
    pending.push(durationOf(() => call(index)));
    const waitMs = startedMs + ((index + 1) * 1000) / perSecond - performance.now();
    await sleep(Math.max(0, waitMs));
  }
  return Promise.all(pending);
}

/** True once `ms` have passed since this call. */
export function after(ms: number): () => boolean {
  const startedMs = performance.now();
  return () => performance.now() - startedMs >= ms;
}

/** Milliseconds of calls made one after the other for `runMs`. */
export async function latencies(runMs: number, call: () => Promise<unknown>): Promise<number[]> {
  const startedMs = performance.now();
  const durations: number[] = [];
  while (performance.now() - startedMs < runMs) {
    const calledMs = performance.now();
    await call();
    durations.push(performance.now() - calledMs);
  }
  return durations;
}
