import type { WebhookFlows } from '../platform/flows/webhook';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findRows, type RowOf } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';
import { requestFlow, settleRetryRequest } from '../store/webhooks/attempts/retry-requests';
import { nextFailing, sortByReach } from '../store/webhooks/attempts/waiting';
import { loadWebhook } from '../store/webhooks/webhooks';
import { forEachRow, type RowDeps } from './each-row';

/** How often failed deliveries are swept up that no flow repeats. */
const SWEEP_EVERY_MS = 30_000;
/** A flow attempts within a second; what is overdue for longer has none: it was ended by hand, or never started. */
const OVERDUE_MS = 20_000;
/** Endpoints that one sweep goes through; the next goes on behind them. */
const SWEPT_MAX = 200;

type Deps = RowDeps & { flows: WebhookFlows };

/**
 * Signals the flows of failing webhooks, starting those that do not run. A crash between signal and delete repeats the
 * signal, which changes nothing; a failure that commits in between writes the row again, so it stays. A flow that does not
 * take up what it was told is told nothing more: the row fails, and is there for operators (webhooks.md §13, case 47).
 */
export function createWebhookRelay(deps: Deps) {
  const { database } = deps;
  let cursor = '';
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return {
    /** One round: all retry requests that there are, as nobody else passes them on. */
    async round(now: Date): Promise<void> {
      const rows = await findRows(database, 'webhook.trouble', now);
      await forEachRow(deps, rows, (row) => requestRetries(deps, row));
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      cursor = await sweep(database, cursor);
    },
  };
}

export type WebhookRelay = ReturnType<typeof createWebhookRelay>;

async function requestRetries({ database, flows }: Deps, row: RowOf<'webhook.trouble'>): Promise<void> {
  const webhook = await loadWebhook(database, row.webhookId);
  const agent = webhook === null ? null : await findFlowSubject(database, webhook.agentId);
  // Of a webhook that is gone there is nothing to attempt; a flow that runs finds that out by itself.
  const how = row.isSweep === true ? ({ isSweep: true } as const) : undefined;
  if (agent !== null) await flows.requestRetries(row.webhookId, agent.handle, row.dueAt, how);
  await settleRetryRequest(database, row);
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
  for (const webhookId of [...open, ...toProbe]) await requestFlow(database, webhookId, now);
  return next?.webhookId ?? '';
}
