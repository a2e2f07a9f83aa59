import type { Flows } from '../platform/flows';
import type { Logger } from '../platform/logger';
import { noteTrouble, settleTrouble } from '../store/attempts/trouble';
import { nextFailing, sortByReach } from '../store/attempts/waiting';
import type { Database } from '../store/database';

/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;
/** How often failed deliveries are looked for that no flow repeats. */
const SWEEP_EVERY_MS = 30_000;
/** A flow attempts within a second; what is overdue for longer has none: it was ended by hand, or never started. */
const OVERDUE_MS = 20_000;
/** Endpoints that one sweep looks at; the next goes on behind them. */
const SWEPT_MAX = 200;

interface Deps {
  database: Database;
  flows: Flows;
  log: Logger;
}

/**
 * Tells the flows of webhooks in trouble, starting those that do not run. A crash between signal and delete repeats the
 * signal, which changes nothing; a failure that commits in between writes the row again, so it stays.
 */
export function createTroubleRelay(deps: Deps) {
  const { database } = deps;
  let cursor = '';
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return {
    async round(): Promise<void> {
      const rows = await database.outbox
        .find({ kind: 'webhook.trouble' }, { sort: { createdAt: 1 }, limit: BATCH, maxTimeMS: 5_000 })
        .toArray();
      for (const row of rows) {
        if (row.kind === 'webhook.trouble') await tell(deps, row);
      }
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      cursor = await sweep(database, cursor);
    },
  };
}

export type TroubleRelay = ReturnType<typeof createTroubleRelay>;

async function tell(
  { database, flows }: Deps,
  row: { _id: string; webhookId: string; dueAt: Date; notes: number },
): Promise<void> {
  const { webhookId, dueAt } = row;
  const webhook = await database.webhooks.findOne({ _id: webhookId }, { projection: { agentId: 1 }, maxTimeMS: 5_000 });
  const agent =
    webhook === null
      ? null
      : await database.agents.findOne({ _id: webhook.agentId }, { projection: { handle: 1 }, maxTimeMS: 5_000 });
  // Of a webhook that is gone there is nothing to attempt; a flow that runs finds that out by itself.
  if (agent !== null) await flows.tellOfTrouble(webhookId, agent.handle, dueAt);
  await settleTrouble(database, row);
}

/** @returns where the next sweep goes on; from the start when this one came to the end */
async function sweep(database: Database, from: string): Promise<string> {
  const now = new Date();
  const overdue: string[] = [];
  let next = await nextFailing(database, from);
  for (let seen = 1; next !== null; seen += 1) {
    if (next.nextAttemptAt !== null && now.getTime() - next.nextAttemptAt.getTime() > OVERDUE_MS) {
      overdue.push(next.webhookId);
    }
    if (seen >= SWEPT_MAX) break;
    next = await nextFailing(database, next.webhookId);
  }
  // Those that are held or cool down wait by right; of the latter, the probe may be due.
  const { open, toProbe } = await sortByReach(database, overdue, now);
  for (const webhookId of [...open, ...toProbe]) await noteTrouble(database, webhookId, now);
  return next?.webhookId ?? '';
}
