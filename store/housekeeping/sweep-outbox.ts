import { OPERATIONAL_WEBHOOK_EVENTS } from '../../contract/events';
import { inboxInId, type InboxInGuard } from '../../domain/guards';
import type { OutboxRow } from '../schema/collections/outbox';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { daysBefore, type Step, type StepInput } from './step';

const BATCH = 500;

/** Intents older than this were either carried out or cannot be. */
const KEEP_DAYS = 1;

/** Intents that end in a webhook of `targetId`; all others are the relay's until they succeed. */
const WEBHOOK_KINDS: OutboxRow['kind'][] = [
  'message.new',
  'message.read',
  'contact.blocked',
  'group.deleted',
  'group.invite.received',
  'presence.update',
  'agent.created',
  ...OPERATIONAL_WEBHOOK_EVENTS,
];

/**
 * Removes intents for webhooks of agents that have none any more (messaging.md §14): nobody would ever take them. Goes
 * through the old rows of each kind, oldest first; a repeat finds what is left.
 */
export async function sweepOutbox({ database }: { database: Database }, { cursor, now }: StepInput): Promise<Step> {
  const [index = 0, after] = parseCursor(cursor);
  const kind = WEBHOOK_KINDS[index];
  if (kind === undefined) return { cursor: null, changed: 0 };
  const rows = await database.outbox
    .find<{ _id: string; targetId: string; createdAt: Date }>(
      { kind, createdAt: { $lt: daysBefore(now, KEEP_DAYS), ...(after === null ? {} : { $gt: after }) } },
      { projection: { targetId: 1, createdAt: 1 }, sort: { createdAt: 1 }, limit: BATCH, ...READ },
    )
    .toArray();
  const idle = await findWithoutWebhooks(database, new Set(rows.map(({ targetId }) => targetId)));
  const dead = rows.filter(({ targetId }) => idle.has(targetId)).map(({ _id }) => _id);
  if (dead.length > 0) await database.outbox.deleteMany({ _id: { $in: dead } });
  const last = rows.at(-1)?.createdAt;
  // Rows of one instant may be cut by the page: those that stay are looked at again by the next run.
  const isLast = rows.length < BATCH || last === undefined;
  return { cursor: isLast ? `${index + 1}|` : `${index}|${last.toISOString()}`, changed: dead.length };
}

function parseCursor(cursor: string | null): [number, Date | null] {
  if (cursor === null) return [0, null];
  const bar = cursor.indexOf('|');
  return [Number(cursor.slice(0, bar)), bar === cursor.length - 1 ? null : new Date(cursor.slice(bar + 1))];
}

async function findWithoutWebhooks(database: Database, agentIds: Set<string>): Promise<Set<string>> {
  const inboxes = await database.guards
    .find<InboxInGuard>({ _id: { $in: [...agentIds].map(inboxInId) } }, { projection: { webhooks: 1 }, ...READ })
    .toArray();
  const having = new Set(inboxes.filter(({ webhooks }) => webhooks > 0).map(({ _id }) => _id));
  return new Set([...agentIds].filter((agentId) => !having.has(inboxInId(agentId))));
}
