import { WARNING_INTERVAL_MS } from '../../../contract/limits';
import type { SenderGuard } from '../../../domain/guards';
import { limitWarnings, type LimitWarning } from '../../../domain/warnings';
import type { Clock } from '../../../platform/clock';
import type { Logger } from '../../../platform/logger';
import { BoundedMap } from '../../../platform/bounded-map';
import { findFacts } from '../../../store/agents/agent-facts';
import type { Database } from '../../../store/schema/database';
import { hitRateWindow } from '../../../store/schema/rate-windows';
import { FanOuts } from './fan-outs';
import { warningFrame } from '../wire/frames';
import type { Live } from './live';

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
 * Warns a sender over its sockets that it comes near a limit: once a minute per limit, whichever nodes its sends go
 * through. Costs nothing for senders that do not come near one.
 */
export function createWarnings(deps: WarningsDeps) {
  const fanOuts = new FanOuts((error) => deps.log.warn({ event: 'warning.not_sent', err: error }));
  const warnedAtMs = new BoundedMap<string, number>(REMEMBERED_MAX);

  const send = async (agentId: string, warning: LimitWarning): Promise<void> => {
    const agent = (await findFacts(deps.database, [agentId])).get(agentId);
    // A system agent has another budget, and no cold cap.
    if (agent === undefined || agent.isSystem) return;
    const hit = await hitRateWindow(deps.database, `warning.${warning.scope}`, agentId, ONE_PER_INTERVAL);
    if (hit.allowed) deps.live.broadcast([agentId], { text: warningFrame(warning) });
  };

  return {
    /** A sender as it is after a commit. */
    note(sender: SenderGuard): void {
      const now = deps.clock.now();
      for (const warning of limitWarnings(sender, now)) {
        if (warning.scope === 'sender' && !deps.limitRate) continue;
        const agentId = sender._id.slice('sender:'.length);
        const key = `${warning.scope}:${agentId}`;
        if (now.getTime() - (warnedAtMs.get(key) ?? 0) < WARNING_INTERVAL_MS) continue;
        warnedAtMs.set(key, now.getTime());
        fanOuts.add(key, () => send(agentId, warning));
      }
    },
  };
}
