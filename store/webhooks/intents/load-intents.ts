import { ALL_WEBHOOK_EVENTS } from '../../../contract/events';
import { groupGuardId, type GroupGuard } from '../../../domain/group';
import { isMissedBy, isToldOf } from '../../../domain/webhook-activity';
import { asksForMentions } from '../../../domain/webhook-filter';
import type { AgentCard, AgentReader } from '../../agents/agents';
import { notPassedOver } from '../../outbox/failed-rows';
import type { Invitation } from '../../schema/collections/groups';
import type { Message } from '../../schema/collections/messages';
import type { IntentRow } from '../../schema/collections/outbox';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ, SAFE_READ } from '../../schema/reads';
import { readThroughSeq } from '../../conversations/read-through';

/** Oldest first, without those whose expansion failed a moment ago. One range of the index per kind. */
export async function loadIntents(database: Database, limit: number, now: Date): Promise<IntentRow[]> {
  const rows = await database.outbox
    .find(
      { kind: { $in: [...ALL_WEBHOOK_EVENTS] }, ...notPassedOver(now) },
      { ...SAFE_READ, sort: { createdAt: 1 }, limit },
    )
    .toArray();
  // The kinds of intents are the names of the events: this is their parse point.
  return rows as IntentRow[];
}

/** What the events of a batch of intents tell, as it is now. */
export interface IntentFacts {
  /** Webhooks by agent, oldest first, also inactive ones. */
  webhooks: Map<string, Webhook[]>;
  /** Salts of the inboxes by agent: what delivery ids are made with. */
  salts: Map<string, string>;
  messages: Map<string, Message>;
  /** Senders and readers by agent, and targets that are asked for mentions of them. */
  cards: Map<string, AgentCard>;
  /** By group id, without members. */
  groups: Map<string, GroupGuard>;
  invitations: Map<string, Invitation>;
  /** How far the reader has read, by intent. */
  throughSeqs: Map<string, number>;
}

/** Reads in bulk, so a batch costs about as much as one intent; agents without webhooks cost one look. */
export async function loadFacts(
  { database, agents }: { database: Database; agents: Pick<AgentReader, 'loadCards'> },
  rows: IntentRow[],
): Promise<IntentFacts> {
  const webhooks = await loadWebhooks(
    database,
    rows.map(({ targetId }) => targetId),
  );
  const wanted = rows.filter(({ targetId, kind, webhookVersion }) =>
    webhooks
      .get(targetId)
      ?.some(
        (webhook) =>
          webhook.events.includes(kind) &&
          (isToldOf(webhook, webhookVersion) || isMissedBy(webhook, { event: kind, version: webhookVersion })),
      ),
  );
  const messages = await loadMessages(database, idsOf(wanted, 'message.new', 'messageId'));
  const invitations = await loadInvitations(database, idsOf(wanted, 'group.invite.received', 'invitationId'));
  const groupIds = [
    ...[...messages.values()].map(({ conversationId }) => conversationId),
    ...[...invitations.values()].map(({ groupId }) => groupId),
    ...idsOf(wanted, 'group.deleted', 'groupId'),
  ];
  const people = [
    ...[...messages.values()].map(({ senderId }) => senderId),
    ...idsOf(wanted, 'message.read', 'readerId'),
    ...[...webhooks].flatMap(([agentId, own]) => (own.some(asksForMentions) ? [agentId] : [])),
  ];
  return {
    webhooks,
    salts: await loadSalts(
      database,
      wanted.flatMap(({ kind, targetId }) => (kind === 'message.new' ? [targetId] : [])),
    ),
    messages,
    cards: await agents.loadCards(people),
    groups: await loadGroups(database, groupIds),
    invitations,
    throughSeqs: await loadThroughSeqs(database, wanted),
  };
}

/** The values of one field of all intents of one kind. */
function idsOf<Kind extends IntentRow['kind'], Field extends keyof Extract<IntentRow, { kind: Kind }>>(
  rows: IntentRow[],
  kind: Kind,
  field: Field,
): Extract<IntentRow, { kind: Kind }>[Field][] {
  const isKind = (row: IntentRow): row is Extract<IntentRow, { kind: Kind }> => row.kind === kind;
  return rows.filter(isKind).map((row) => row[field]);
}

async function loadWebhooks(database: Database, agentIds: string[]): Promise<Map<string, Webhook[]>> {
  const rows = await database.webhooks
    .find({ agentId: { $in: [...new Set(agentIds)] } }, { ...SAFE_READ, sort: { agentId: 1, createdAt: 1, _id: 1 } })
    .toArray();
  const byAgent = new Map<string, Webhook[]>();
  for (const row of rows) byAgent.set(row.agentId, [...(byAgent.get(row.agentId) ?? []), row]);
  return byAgent;
}

async function loadSalts(database: Database, agentIds: string[]): Promise<Map<string, string>> {
  if (agentIds.length === 0) return new Map();
  const rows = await database.agents
    .find({ _id: { $in: [...new Set(agentIds)] } }, { projection: { inboxSalt: 1 }, ...READ })
    .toArray();
  return new Map(rows.map(({ _id, inboxSalt }) => [_id, inboxSalt]));
}

async function loadMessages(database: Database, ids: string[]): Promise<Map<string, Message>> {
  if (ids.length === 0) return new Map();
  const rows = await database.messages.find({ _id: { $in: [...new Set(ids)] } }, SAFE_READ).toArray();
  return new Map(rows.map((row) => [row._id, row]));
}

async function loadInvitations(database: Database, ids: string[]): Promise<Map<string, Invitation>> {
  if (ids.length === 0) return new Map();
  const rows = await database.invitations.find({ _id: { $in: ids } }, SAFE_READ).toArray();
  return new Map(rows.map((row) => [row._id, row]));
}

async function loadGroups(database: Database, conversationIds: string[]): Promise<Map<string, GroupGuard>> {
  const ids = [...new Set(conversationIds)].map(groupGuardId);
  if (ids.length === 0) return new Map();
  const rows = await database.guards
    .find<GroupGuard>({ _id: { $in: ids } }, { ...SAFE_READ, projection: { members: 0, missed: 0 } })
    .toArray();
  return new Map(rows.map((row) => [row.groupId, row]));
}

/** Two reads each, one after another: receipts come in small numbers, and nobody waits for them here. */
async function loadThroughSeqs(database: Database, rows: IntentRow[]): Promise<Map<string, number>> {
  const seqs = new Map<string, number>();
  for (const row of rows) {
    if (row.kind !== 'message.read') continue;
    const { readerId, targetId: senderId, conversationId } = row;
    seqs.set(row._id, await readThroughSeq(database, { readerId, senderId, conversationId }));
  }
  return seqs;
}
