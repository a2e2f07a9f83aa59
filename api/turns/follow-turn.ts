import { loadExecution, noteAccepted, readEvents } from '../../store/gateway/executions';
import type { TurnFollower } from '../../store/gateway/follow';
import type { GatewayEvent } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import { isOutage } from '../../store/schema/outage';
import { createBell } from './bell';

/** Events that are read at once: what each reader, however slow, keeps in memory. What tools say is up to 16 KiB each. */
const EVENTS_MAX = 32;
/** When who waits looks by itself: soon at first, for whether the agent has taken the message is told by nobody. */
const LOOK_AFTER_MS = [500, 1_000, 2_000];
const LOOK_MS = 5_000;
/** While the change stream is broken (gateway.md §11). */
const LOOK_WITHOUT_STREAM_MS = 500;

/**
 * Events of a turn after the one of this number, as they come, whichever process writes them; null where there was none for
 * a while. Ends with the turn, or with one of the signals. What is not asked for is not read: memory is bounded by one page.
 */
export async function* followTurn(
  { database, follower }: { database: Database; follower: TurnFollower },
  executionId: string,
  after: number,
  signals: AbortSignal[],
): AsyncGenerator<GatewayEvent | null> {
  const bell = createBell(signals);
  const stop = follower.follow(executionId, bell.ring);
  try {
    let n = after;
    for (let looks = 0; !signals.some(({ aborted }) => aborted); looks += 1) {
      const events = await readEvents(database, executionId, { after: n, limit: EVENTS_MAX }).catch(noneInOutage);
      for (const event of events) {
        n = event.n;
        yield event;
        if (event.type === 'end') return;
      }
      if (events.length === EVENTS_MAX) continue;
      const lookMs = follower.isOpen() ? (LOOK_AFTER_MS[looks] ?? LOOK_MS) : LOOK_WITHOUT_STREAM_MS;
      if (await bell.wait(lookMs)) continue;
      if (!(await look(database, executionId))) return;
      yield null;
    }
  } finally {
    stop();
  }
}

/** Notes whether the agent has taken the message. @returns false when the turn is gone */
async function look(database: Database, executionId: string): Promise<boolean> {
  try {
    const execution = await loadExecution(database, executionId);
    if (execution !== null) await noteAccepted(database, execution);
    return execution !== null;
  } catch (error) {
    noneInOutage(error);
    return true;
  }
}

/** Who waits for an answer waits for the database, too: nothing is lost while it is away. */
function noneInOutage(error: unknown): [] {
  if (isOutage(error)) return [];
  throw error;
}
