import { startMeter, type Usage } from './processes';

/** How long a send may take before a run is given up. */
const SEND_MS_MAX = 60_000;
/** Failures after which a run is given up: a server that refuses everything has no figures. */
const FAILURES_MAX = 200;

export interface ClosedLoop {
  lanes: number;
  warmMs: number;
  ms: number;
  /** The run ends early after so many sends. */
  sendsMax?: number;
  /** Process trees whose use is measured. */
  trees: Readonly<Record<string, readonly number[]>>;
  send: (lane: number, turn: number, isMeasured: boolean) => Promise<void>;
}

export interface Loaded {
  perSecond: number;
  latenciesMs: number[];
  failures: number;
  lastFailure: string;
  usage: Usage;
}

/** Each lane starts its next send when its last one was accepted. What counts ended after the warm-up. */
export async function runClosedLoop(loop: ClosedLoop): Promise<Loaded> {
  const fromMs = performance.now() + loop.warmMs;
  const toMs = fromMs + loop.ms;
  const state = { sends: 0, failures: 0, lastFailure: '', latenciesMs: [] as number[] };
  let readMeter: () => Usage = startMeter(loop.trees);
  const warmed = setTimeout(() => (readMeter = startMeter(loop.trees)), loop.warmMs);
  const isOver = (): boolean => performance.now() >= toMs || state.sends >= (loop.sendsMax ?? Number.POSITIVE_INFINITY);
  const lane = async (index: number): Promise<void> => {
    for (let turn = 0; !isOver(); turn += 1) {
      state.sends += 1;
      const startedMs = performance.now();
      try {
        await loop.send(index, turn, startedMs >= fromMs);
      } catch (error) {
        countFailure(state, error);
        continue;
      }
      const endedMs = performance.now();
      if (endedMs >= fromMs) state.latenciesMs.push(endedMs - startedMs);
    }
  };
  try {
    await withDeadline(Promise.all(Array.from({ length: loop.lanes }, (_, index) => lane(index))), loop);
  } finally {
    clearTimeout(warmed);
  }
  const usage = readMeter();
  const { latenciesMs, failures, lastFailure } = state;
  return { perSecond: latenciesMs.length / usage.seconds, latenciesMs, failures, lastFailure, usage };
}

function countFailure(state: { failures: number; lastFailure: string }, error: unknown): void {
  state.failures += 1;
  state.lastFailure = error instanceof Error ? error.message : String(error);
  if (state.failures > FAILURES_MAX) throw new Error(`too many sends failed, the last with: ${state.lastFailure}`);
}

/** @throws Error when a send never ends */
export async function withDeadline<T>(work: Promise<T>, { warmMs, ms }: { warmMs: number; ms: number }): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const limitMs = warmMs + ms + SEND_MS_MAX;
    timer = setTimeout(() => reject(new Error(`a send was not answered within ${SEND_MS_MAX / 1_000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
