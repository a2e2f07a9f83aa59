import { presentRow } from '../presenters/message';
import type { AgentReader } from '../store/agents';
import type { Delivery } from '../store/collections/deliveries';
import type { ReleaseRow } from '../store/collections/outbox';
import type { Database } from '../store/database';
import { findInboxIn, readStored } from '../store/inbox';
import { loadFacts, loadIntents } from '../store/intents/load-intents';
import { saveDeliveries, saveReleased, type Expansion } from '../store/intents/save-deliveries';
import { listWebhooks } from '../store/webhooks';
import { describeIntent, messageNews } from './describe-intent';
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
/** Agents whose release goes on by one page in a round, so that no release holds up what happens now. */
const RELEASES = 10;
const RELEASE_PAGE = 100;

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
      const webhooks = facts.webhooks.get(row.targetId) ?? [];
      const news = webhooks.length === 0 ? null : describeIntent(row, facts, publicBaseUrl);
      const to = { webhooks, webhookVersion: row.webhookVersion, orderedAt: row.createdAt, now };
      return { row, deliveries: news === null ? [] : newDeliveries(news, to) };
    });
    for (const chunk of chunksOf(expansions)) note(webhookIds, await saveDeliveries(database, chunk));
  }
  const isReleasing = await expandReleases(deps, webhookIds);
  return { webhookIds, isMore: isReleasing || rows.length === BATCH };
}

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

/** What came to agents while nothing could be sent to their webhooks (webhooks.md §5). @returns whether there is more */
async function expandReleases(deps: ExpandDeps, webhookIds: Set<string>): Promise<boolean> {
  const rows = await deps.database.outbox
    .find(
      { kind: 'webhooks.release' },
      { readConcern: { level: 'majority' }, sort: { createdAt: 1 }, limit: RELEASES, maxTimeMS: 5_000 },
    )
    .toArray();
  let isMore = false;
  for (const row of rows) {
    if (row.kind !== 'webhooks.release') continue;
    const { deliveries, upTo } = await releasePage(deps, row);
    note(webhookIds, await saveReleased(deps.database, row, { deliveries, upTo }));
    isMore ||= upTo !== null || rows.length === RELEASES;
  }
  return isMore;
}

/** Envelopes that are still stored and not muted, in the order of the inbox. */
async function releasePage(
  { database, agents }: ExpandDeps,
  row: ReleaseRow,
): Promise<{ deliveries: Delivery[]; upTo: number | null }> {
  const { targetId, afterPosition: after, upToPosition, webhookVersion, createdAt: orderedAt } = row;
  const inbox = await findInboxIn(database, targetId);
  const webhooks = (await listWebhooks(database, targetId)).filter(({ active }) => active);
  if (inbox === null || webhooks.length === 0) return { deliveries: [], upTo: null };
  const agent = { _id: targetId, inboxSalt: inbox.salt };
  const page = { after, upTo: upToPosition, limit: RELEASE_PAGE, includeMuted: false, flushing: inbox.flushing };
  const stored = await readStored(database, agents, agent, page);
  const now = new Date();
  const deliveries = stored.flatMap((envelope) => {
    const { position, message } = envelope;
    const news = messageNews({ targetId, position, message, json: presentRow(envelope) });
    return newDeliveries(news, { webhooks, webhookVersion, orderedAt, isReleased: true, now });
  });
  return { deliveries, upTo: stored.at(-1)?.position ?? null };
}
