import { WARNING_INTERVAL_MS } from '../../contract/limits';
import type { SenderHead } from '../../domain/heads';
import { limitWarnings, type LimitWarning } from '../../domain/warnings';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { Database } from '../../store/database';
import { hitRateWindow } from '../../store/rate-windows';
import { FanOuts } from './fan-outs';
import { warningFrame } from './frames';
import type { Live } from './node';

const ONE_PER_INTERVAL = { limit: 1, windowMs: WARNING_INTERVAL_MS, window: 'first' } as const;

/** Agents whose last warning this node remembers; the database decides for those that it forgot. */
const REMEMBERED_MAX = 10_000;

export interface WarningsDeps {
  database: Database;
  live: Live;
  clock: Clock;
  log: Logger;
  /** False: the windows of sends are lifted, so there is nothing to warn of. */
  limitRate: boolean;
}

/**
 * Tells a sender over its sockets that it comes near a limit: once a minute per limit, whichever nodes its sends go
 * through. Costs nothing for senders that do not come near one.
 */
export function createWarnings(deps: WarningsDeps) {
  const fanOuts = new FanOuts((error) => deps.log.warn({ event: 'warning.not_told', err: error }));
  const warnedAtMs = new Map<string, number>();

  const tell = async (agentId: string, warning: LimitWarning): Promise<void> => {
    const agent = await deps.database.agents.findOne(
      { _id: agentId },
      { projection: { isSystem: 1 }, maxTimeMS: 2_000 },
    );
    // A system agent has another budget, and no cold cap.
    if (agent === null || agent.isSystem) return;
    const hit = await hitRateWindow(deps.database, `warning.${warning.scope}`, agentId, ONE_PER_INTERVAL);
    if (hit.allowed) deps.live.tell([agentId], { text: warningFrame(warning) });
  };

  return {
    /** A sender as it is after a commit. */
    note(sender: SenderHead): void {
      const now = deps.clock.now();
      for (const warning of limitWarnings(sender, now)) {
        if (warning.scope === 'sender' && !deps.limitRate) continue;
        const agentId = sender._id.slice('sender:'.length);
        const key = `${warning.scope}:${agentId}`;
        if (now.getTime() - (warnedAtMs.get(key) ?? 0) < WARNING_INTERVAL_MS) continue;
        if (warnedAtMs.size >= REMEMBERED_MAX) warnedAtMs.clear();
        warnedAtMs.set(key, now.getTime());
        fanOuts.add(key, () => tell(agentId, warning));
      }
    },
  };
}
