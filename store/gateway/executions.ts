import type { Filter } from 'mongodb';
import { SESSION_KINDS } from '../../contract/gateway';
import { OPEN_STATUSES, type TurnStatus } from '../../domain/turns';
import type { GatewayEvent, GatewayExecution, SessionKind } from '../schema/collections/gateway';
import { envelopesOf } from '../schema/collections/messages';
import { turnEventId } from '../schema/collections/gateway';
import { withTransaction, type Database } from '../schema/database';
import { READ, SAFE_READ, WRITE } from '../schema/reads';
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
  /** Absent: those of all channels. */
  channel?: SessionKind;
  sessionId?: string;
  since?: Date;
  limit: number;
  /** The last row of the page before. */
  after?: { queuedAt: Date; id: string };
}

/** A turn as lists show it: without its answer, which may be large. */
export type ListedExecution = Omit<GatewayExecution, 'response' | 'late'>;

/** A page of executions, newest first. */
export function listExecutions(database: Database, page: ExecutionsPage): Promise<ListedExecution[]> {
  const { status, channel, sessionId, since, limit, after } = page;
  const conditions: Filter<GatewayExecution>[] = [
    inScope(page),
    // In the form that the indexes serve: those of each channel are in the order of lists.
    ...(sessionId === undefined ? [{ channel: { $in: channel === undefined ? [...SESSION_KINDS] : [channel] } }] : []),
    ...(sessionId === undefined ? [] : [{ sessionId, ...(channel === undefined ? {} : { channel }) }]),
    ...(status === undefined ? [] : [{ status }]),
    ...(since === undefined ? [] : [{ queuedAt: { $gte: since } }]),
    ...(after === undefined
      ? []
      : [
          { queuedAt: { $lte: after.queuedAt } },
          { $or: [{ queuedAt: { $lt: after.queuedAt } }, { _id: { $lt: after.id } }] },
        ]),
  ];
  return database.gatewayExecutions
    .find<ListedExecution>(
      { $and: conditions },
      { ...SAFE_READ, sort: { queuedAt: -1, _id: -1 }, limit, projection: { response: 0, late: 0 } },
    )
    .toArray();
}

/** A turn as what was said in it shows it: without its texts, which the messages have. */
export type ExecutionOfMessage = Omit<GatewayExecution, 'message' | 'response' | 'late'>;

/** The executions that these messages of sessions belong to, by the message's id. */
export async function executionsOfMessages(
  database: Database,
  messageIds: string[],
): Promise<Map<string, ExecutionOfMessage>> {
  const rows = await database.gatewayExecutions
    .find<ExecutionOfMessage>(
      {
        $or: [
          { messageId: { $in: messageIds } },
          { 'replies.messageId': { $in: messageIds } },
          { 'tries.messageIds': { $in: messageIds } },
        ],
      },
      { ...READ, limit: messageIds.length, projection: { message: 0, response: 0, late: 0 } },
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
  return at === undefined ? execution : startRunning(database, execution, at);
}

/** A turn that its agent has taken; one that is not queued any more stays as it is. */
function startRunning(database: Database, execution: GatewayExecution, at: Date): Promise<GatewayExecution> {
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

/** Open turns of one conversation: those that nobody waits for any more, and the one that is being answered. */
const OPEN_MAX = 20;

/**
 * Notes that the agent is typing in the conversation of its open turns: it has taken them, and is at work
 * (gateway.md §8.2, §9.2). Costs a look at an index where there are none.
 * @returns the turns that are running since
 */
export async function noteTyping(
  database: Database,
  { agentId, conversationId }: { agentId: string; conversationId: string },
  at: Date,
): Promise<string[]> {
  const open = await database.gatewayExecutions
    .find(
      { agentId, status: { $in: [...OPEN_STATUSES] }, 'place.conversationId': conversationId },
      { ...READ, limit: OPEN_MAX, hint: 'open_agent' },
    )
    .toArray();
  const started: string[] = [];
  for (const execution of open) {
    const { _id, status } = execution;
    if (status === 'queued') {
      await startRunning(database, execution, at);
      started.push(_id);
    } else await database.gatewayExecutions.updateOne({ _id, status }, { $max: { activeAt: at } }, WRITE);
  }
  return started;
}
