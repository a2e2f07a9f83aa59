import type { ClientSession, Filter } from 'mongodb';
import type { AuditAction, AuditActorType } from '../../contract/audit-actions';
import { newId } from '../../platform/ids';
import type { AuditEvent } from './collections/audit';
import type { Database } from './database';
import { READ } from './reads';
import { isDuplicateKey } from './conflicts';
import type { Caller, OwnerCaller } from './prove-caller';

/** Who acts: `{ type: 'system', id: null }` where nobody in particular does. */
export interface AuditActor {
  type: AuditActorType;
  id: string | null;
}

export interface NewAuditEvent {
  actor: AuditActor;
  action: AuditAction;
  targetId: string;
  /** Small plain values; never keys, codes, addresses, texts. */
  metadata?: Record<string, unknown>;
  at: Date;
  /** Only for what may be recorded twice: the same id makes one event. */
  id?: string;
}

export const SYSTEM_ACTOR: AuditActor = { type: 'system', id: null };

/** The agent itself as the actor of what happens to it. */
export const agentActor = (agentId: string): AuditActor => ({ type: 'agent', id: agentId });

/** Who acts in a call about an agent: the owner that makes it, else the agent itself. */
export const callerActor = (agentId: string, caller: Caller | OwnerCaller | undefined): AuditActor =>
  caller !== undefined && 'ownerId' in caller ? { type: 'owner', id: caller.ownerId } : agentActor(agentId);

/**
 * Records an event in the transaction of its fact: both or neither. For facts that are decided once; one with a fixed
 * `id` would fail the whole transaction when it is there already, see `recordAuditOnce`.
 */
export async function recordAudit(database: Database, event: NewAuditEvent, session: ClientSession): Promise<void> {
  await database.auditEvents.insertOne(newRow(event), { session });
}

/**
 * Records what an owner did for an agent, in the transaction of its fact; nothing when it was the agent itself. For what
 * agents do all day and another log holds: of somebody who acts for them it has to be known who it was.
 */
export async function recordOwnerAct(
  database: Database,
  { caller, ...event }: Omit<NewAuditEvent, 'actor'> & { caller: Caller | OwnerCaller | undefined },
  session: ClientSession,
): Promise<void> {
  if (caller === undefined || !('ownerId' in caller)) return;
  await recordAudit(database, { ...event, actor: callerActor(event.targetId, caller) }, session);
}

/** Records an event on its own. With a fixed `id` any number of repeats, also at once, leave one event. */
export async function recordAuditOnce(database: Database, event: NewAuditEvent): Promise<void> {
  await database.auditEvents.insertOne(newRow(event)).catch((error: unknown) => {
    if (!isDuplicateKey(error)) throw error;
  });
}

function newRow({ actor, action, targetId, metadata, at, id }: NewAuditEvent): AuditEvent {
  return {
    _id: id ?? newId('auditEvent'),
    actorType: actor.type,
    actorId: actor.id,
    action,
    targetId,
    metadata: metadata ?? {},
    createdAt: at,
  };
}

export interface AuditQuery {
  /** Of one agent or owner, of one action, or of everything. */
  of: { targetId: string } | { action: AuditAction } | Record<string, never>;
  /** Strictly older than this time; with `id` also events of that time with a smaller id. */
  before?: { at: Date; id?: string };
  limit: number;
}

/** A page of events, newest first. One index range whatever the size of the log. */
export function listAudit(database: Database, { of, before, limit }: AuditQuery): Promise<AuditEvent[]> {
  return database.auditEvents
    .find({ ...of, ...olderThan(before) }, { sort: { createdAt: -1, _id: -1 }, limit, ...READ })
    .toArray();
}

/** The first condition bounds the index range, the second cuts the events of its first millisecond. */
function olderThan(before: AuditQuery['before']): Filter<AuditEvent> {
  if (before === undefined) return {};
  if (before.id === undefined) return { createdAt: { $lt: before.at } };
  return {
    createdAt: { $lte: before.at },
    $or: [{ createdAt: { $lt: before.at } }, { _id: { $lt: before.id } }],
  };
}
