import type { Filter } from 'mongodb';
import { OPEN_STATUSES, type TurnStatus } from '../../domain/turns';
import type { GatewayEvent, GatewayExecution } from '../schema/collections/gateway';
import { envelopesOf } from '../schema/collections/messages';
import { turnEventId } from '../schema/collections/gateway';
import { withTransaction, type Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { newEvent } from './events';
import type { Principal } from './principals';

/** Whose executions a caller sees: its own, or as the agent's owner everybody's. */
export interface ExecutionScope {
  agentId: string;
  /** Absent: everybody's. */
  principal?: Principal;
}

const inScope = ({ agentId, principal }: ExecutionScope): Filter<GatewayExecution> => ({
  ...(principal === undefined ? {} : { principal: principal.key }),
  agentId,
});

/** An execution that the caller may see; null for all others. Only what a majority holds: answers are told from it. */
export function findExecution(database: Database, id: string, scope: ExecutionScope): Promise<GatewayExecution | null> {
  return database.gatewayExecutions.findOne({ _id: id, ...inScope(scope) }, SAFE_READ);
}

/** The execution as it is now, whoever asks. */
export function loadExecution(database: Database, id: string): Promise<GatewayExecution | null> {
  return database.gatewayExecutions.findOne({ _id: id }, SAFE_READ);
}

/** The open turns of a session, the last first: none of them is handed over because one before it ended. */
export function findOpenTurns(database: Database, sessionId: string): Promise<GatewayExecution[]> {
  return database.gatewayExecutions
    .find({ sessionId, status: { $in: [...OPEN_STATUSES] } }, { ...READ, sort: { queuedAt: -1 } })
    .toArray();
}

export interface ExecutionsPage extends ExecutionScope {
  status?: TurnStatus;
  sessionId?: string;
  since?: Date;
  limit: number;
  /** The last row of the page before. */
  after?: { queuedAt: Date; id: string };
}

/** A page of executions, newest first. */
export function listExecutions(database: Database, page: ExecutionsPage): Promise<GatewayExecution[]> {
  const { status, sessionId, since, limit, after } = page;
  const conditions: Filter<GatewayExecution>[] = [
    inScope(page),
    ...(status === undefined ? [] : [{ status }]),
    ...(sessionId === undefined ? [] : [{ sessionId }]),
    ...(since === undefined ? [] : [{ queuedAt: { $gte: since } }]),
    ...(after === undefined
      ? []
      : [{ $or: [{ queuedAt: { $lt: after.queuedAt } }, { queuedAt: after.queuedAt, _id: { $lt: after.id } }] }]),
  ];
  return database.gatewayExecutions
    .find({ $and: conditions }, { ...SAFE_READ, sort: { queuedAt: -1, _id: -1 }, limit })
    .toArray();
}

/** The executions that these messages of a session belong to, by the message's id. */
export async function executionsOfMessages(
  database: Database,
  messageIds: string[],
): Promise<Map<string, GatewayExecution>> {
  const rows = await database.gatewayExecutions
    .find(
      {
        $or: [
          { messageId: { $in: messageIds } },
          { 'replies.messageId': { $in: messageIds } },
          { 'tries.messageIds': { $in: messageIds } },
        ],
      },
      { ...READ, limit: messageIds.length },
    )
    .toArray();
  return new Map(
    rows.flatMap((row) =>
      [row.messageId ?? '', ...(row.tries?.messageIds ?? []), ...row.replies.map(({ messageId }) => messageId)].map(
        (id) => [id, row] as const,
      ),
    ),
  );
}

/** Events of a turn after the one of this number, in their order. */
export function readEvents(
  database: Database,
  executionId: string,
  { after, limit }: { after: number; limit: number },
): Promise<GatewayEvent[]> {
  return database.gatewayEvents
    .find(
      { _id: { $gt: turnEventId(executionId, after), $lt: `${executionId};` } },
      { ...SAFE_READ, sort: { _id: 1 }, limit },
    )
    .toArray();
}

/**
 * Looks whether the agent has taken the turn's message, and says so in the turn: `queued` becomes `running`
 * (gateway.md §8.2). Here and not where envelopes are acknowledged: acks of all agents would pay for it.
 * @returns the execution as it is then
 */
export async function noteAccepted(database: Database, execution: GatewayExecution): Promise<GatewayExecution> {
  const { place, status, agentId } = execution;
  if (status !== 'queued' || place === undefined) return execution;
  const envelope = await database.envelopes.findOne(envelopesOf(agentId, place.conversationId, place.seq), SAFE_READ);
  const at = envelope?.deliveredAt ?? envelope?.readAt;
  if (at === undefined) return execution;
  return withTransaction(database, async (transaction) => {
    const running = await database.gatewayExecutions.findOneAndUpdate(
      { _id: execution._id, status: 'queued' },
      { $set: { status: 'running', startedAt: at }, $inc: { lastEvent: 1 } },
      { session: transaction, returnDocument: 'after' },
    );
    if (running === null) return execution;
    const event = newEvent(running, { n: running.lastEvent, type: 'status', data: { status: 'running' }, at });
    await database.gatewayEvents.insertOne(event, { session: transaction });
    return running;
  });
}
