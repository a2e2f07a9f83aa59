import { isMissedBy, isToldOf } from '../domain/webhook-activity';
import type { AgentReader } from '../store/agents/agents';
import { deliveryOrder, type Delivery } from '../store/schema/collections/deliveries';
import type { IntentRow } from '../store/schema/collections/outbox';
import type { Database } from '../store/schema/database';
import { loadFacts, loadIntents } from '../store/webhooks/intents/load-intents';
import { saveDeliveries, type Expansion } from '../store/webhooks/intents/save-deliveries';
import { describeIntent } from './describe-intent';
import { newDeliveries } from './new-deliveries';

export interface ExpandDeps {
  database: Database;
  agents: AgentReader;
  publicBaseUrl: string;
}

/** What one round did. */
export interface Expanded {
  /** Webhooks that have a new first attempt to make. */
  webhookIds: Set<string>;
  /** Whether another round would find something now. */
  isMore: boolean;
}

/** Intents of one round: bounded, the next round takes the rest. */
const BATCH = 200;
/** Bodies of one commit: a message to many webhooks is many times its size. */
const COMMIT_LENGTH_MAX = 4_000_000;

/**
 * One round: the oldest recorded intents become deliveries, which wait for their first attempt. Any number of workers
 * may run rounds at once, and die in them: `saveDeliveries` says why every intent is expanded once.
 */
export async function expandIntents(deps: ExpandDeps): Promise<Expanded> {
  const { database, publicBaseUrl } = deps;
  const rows = await loadIntents(database, BATCH);
  const webhookIds = new Set<string>();
  if (rows.length > 0) {
    const facts = await loadFacts(deps, rows);
    const now = new Date();
    const expansions = rows.map((row): Expansion => {
      const moment = { event: row.kind, version: row.webhookVersion };
      const ofTarget = facts.webhooks.get(row.targetId) ?? [];
      const webhooks = ofTarget.filter((webhook) => isToldOf(webhook, moment.version));
      const missedBy = ofTarget.filter((webhook) => isMissedBy(webhook, moment));
      const isNobody = webhooks.length + missedBy.length === 0;
      const news = isNobody ? null : describeIntent(row, facts, publicBaseUrl);
      const to = { webhooks, missedBy, order: orderOf(row), now };
      return { row, deliveries: news === null ? [] : newDeliveries(news, to) };
    });
    // In the order of the commits, whatever clocks say, also over the chunks: a delivery that waits for an earlier one of
    // its conversation must find it.
    expansions.sort((one, other) => (orderOf(one.row) < orderOf(other.row) ? -1 : 1));
    for (const chunk of chunksOf(expansions)) note(webhookIds, await saveDeliveries(database, chunk));
  }
  return { webhookIds, isMore: rows.length === BATCH };
}

const orderOf = (row: IntentRow): string => deliveryOrder(row.position ?? 0, row.createdAt);

/** Cuts where the bodies of one commit would get too long. */
function chunksOf(expansions: Expansion[]): Expansion[][] {
  const chunks: Expansion[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const expansion of expansions) {
    const own = expansion.deliveries.reduce((sum, { body }) => sum + body.length, 0);
    if (length + own > COMMIT_LENGTH_MAX) {
      chunks.push([]);
      length = 0;
    }
    length += own;
    chunks.at(-1)?.push(expansion);
  }
  return chunks;
}

function note(webhookIds: Set<string>, deliveries: Delivery[]): void {
  for (const { webhookId } of deliveries) webhookIds.add(webhookId);
}
