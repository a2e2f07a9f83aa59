import { isMissedBy, isToldOf } from '../domain/webhook-activity';
import type { AgentReader } from '../store/agents/agents';
import { databaseAnswers } from '../store/schema/answers';
import { deliveryOrder, type Delivery } from '../store/schema/collections/deliveries';
import type { IntentRow } from '../store/schema/collections/outbox';
import type { Database } from '../store/schema/database';
import { isOutage } from '../store/schema/outage';
import { loadFacts, loadIntents } from '../store/webhooks/intents/load-intents';
import { saveDeliveries, type Expansion } from '../store/webhooks/intents/save-deliveries';
import { describeIntent } from './describe-intent';
import { noteFailed, type FailureDeps } from './failed-rows';
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

/** Failures of a round that look like an outage though the database answers: to find one row of a batch takes nine. */
const OUTAGES_MAX = 12;

/** What a round has seen so far. */
interface Round {
  webhookIds: Set<string>;
  outages: number;
}

/**
 * One round: the oldest recorded intents become deliveries, which wait for their first attempt. Any number of workers
 * may run rounds at once, and die in them: `saveDeliveries` says why every intent is expanded once.
 *
 * An intent that cannot be expanded holds up no other: it is passed over for a while, and tried by itself from then on.
 * @throws the database's error while it is out of reach: no intent is to blame for that
 */
export async function expandIntents(deps: ExpandDeps & FailureDeps): Promise<Expanded> {
  const rows = await loadIntents(deps.database, BATCH, new Date());
  // In the order of the commits, whatever clocks say, also over what is committed by itself: a delivery that waits for an
  // earlier one of its conversation must find it.
  rows.sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
  const round: Round = { webhookIds: new Set(), outages: 0 };
  await expandAll(
    deps,
    rows.filter(({ failed }) => failed === undefined),
    round,
  );
  for (const row of rows) if (row.failed !== undefined) await expandAll(deps, [row], round);
  return { webhookIds: round.webhookIds, isMore: rows.length === BATCH };
}

/**
 * All of them at once; where that fails, each half by itself, down to the one that is the reason. What a half had
 * committed before it failed is found gone.
 */
async function expandAll(deps: ExpandDeps & FailureDeps, rows: IntentRow[], round: Round): Promise<void> {
  if (rows.length === 0) return;
  try {
    for (const { webhookId } of await expandTogether(deps, rows)) round.webhookIds.add(webhookId);
  } catch (error) {
    if (isOutage(error)) round.outages += 1;
    if (round.outages > OUTAGES_MAX || (isOutage(error) && !(await databaseAnswers(deps.database)))) throw error;
    if (rows.length === 1) return noteFailed(deps, rows, error);
    const middle = Math.ceil(rows.length / 2);
    await expandAll(deps, rows.slice(0, middle), round);
    await expandAll(deps, rows.slice(middle), round);
  }
}

/** @returns the deliveries that are new */
async function expandTogether(deps: ExpandDeps, rows: IntentRow[]): Promise<Delivery[]> {
  const { database, publicBaseUrl } = deps;
  const facts = await loadFacts(deps, rows);
  const now = new Date();
  const expansions = rows.map((row): Expansion => {
    const moment = { event: row.kind, version: row.webhookVersion };
    // What is about a webhook is not told to itself.
    const about = 'about' in row ? row.about : null;
    const ofTarget = (facts.webhooks.get(row.targetId) ?? []).filter(({ _id }) => _id !== about);
    const webhooks = ofTarget.filter((webhook) => isToldOf(webhook, moment.version));
    const missedBy = ofTarget.filter((webhook) => isMissedBy(webhook, moment));
    const isNobody = webhooks.length + missedBy.length === 0;
    const news = isNobody ? null : describeIntent(row, facts, publicBaseUrl);
    const to = { webhooks, missedBy, order: orderOf(row), now };
    return { row, deliveries: news === null ? [] : newDeliveries(news, to) };
  });
  const made: Delivery[] = [];
  for (const chunk of chunksOf(expansions)) made.push(...(await saveDeliveries(database, chunk)));
  return made;
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
