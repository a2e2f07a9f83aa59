import { AppError } from '../../contract/errors';
import { hasEnded } from '../../domain/turns';
import { EMPTY_STREAM, takeFrames, type TakenFrames, type TurnFrame } from '../../domain/turn-stream';
import { untilCommitted } from '../schema/conflicts';
import { turnEventId, type GatewayExecution, type GatewaySession } from '../schema/collections/gateway';
import { withTransactionBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { newEvent } from './events';
import { noteIfSent } from './note-sent';

/**
 * Takes what an agent says of one of its turns while it works: events for those who watch, in one transaction with how far
 * the stream has come. So a repeat of the same deltas, over this process or another one, adds nothing; a process that dies
 * has told nobody of what it did not commit. With `caller` the commit proves that the agent's key is the one of its call.
 * @throws AppError EXECUTION_NOT_FOUND the same for another agent's turn; TURN_CLOSED
 */
export async function takeTurnFrames(
  database: Database,
  place: AgentTurn,
  frames: TurnFrame[],
  at: Date,
  caller?: Caller,
): Promise<TakenFrames> {
  const taking = { frames, at, caller };
  const taken = await takeNoted(database, place, taking);
  if (taken !== null) return taken;
  const takenLater = (await noteIfSent(database, place)) ? await takeNoted(database, place, taking) : null;
  if (takenLater === null) throw new AppError('EXECUTION_NOT_FOUND');
  return takenLater;
}

interface AgentTurn {
  agentId: string;
  executionId: string;
}

/** @returns null when it is not noted that the agent has the turn's message */
function takeNoted(
  database: Database,
  { agentId, executionId }: AgentTurn,
  { frames, at, caller }: { frames: TurnFrame[]; at: Date; caller: Caller | undefined },
): Promise<TakenFrames | null> {
  return untilCommitted(() =>
    withTransactionBy(database, caller, async (transaction) => {
      const execution = await database.gatewayExecutions.findOne(
        { _id: executionId, agentId },
        { session: transaction },
      );
      if (execution === null) throw new AppError('EXECUTION_NOT_FOUND');
      if (execution.messageId === null) return null;
      if (hasEnded(execution.status)) throw new AppError('TURN_CLOSED');
      const taken = takeFrames(execution.stream ?? EMPTY_STREAM, frames);
      const { lastEvent } = execution;
      const calls = taken.events.filter(({ type }) => type === 'tool_call').length;
      await database.gatewayExecutions.updateOne(
        { _id: executionId },
        {
          $set: {
            status: 'running',
            startedAt: execution.startedAt ?? at,
            activeAt: at,
            lastEvent: lastEvent + taken.events.length,
            // Only deltas make an answer a stream.
            ...(taken.state.nextIndex === 0 ? {} : { stream: taken.state }),
            ...(calls === 0 ? {} : { toolCalls: (execution.toolCalls ?? 0) + calls }),
          },
        },
        { session: transaction },
      );
      const events = taken.events.map(({ type, data }, index) =>
        newEvent(execution, { n: lastEvent + 1 + index, type, data, at }),
      );
      if (events.length > 0) await database.gatewayEvents.insertMany(events, { session: transaction });
      return taken;
    }),
  );
}

/** A turn of the agent with its session. @throws AppError EXECUTION_NOT_FOUND */
export async function loadAgentTurn(
  database: Database,
  agentId: string,
  executionId: string,
): Promise<{ execution: GatewayExecution; session: GatewaySession }> {
  const find = () => database.gatewayExecutions.findOne({ _id: executionId, agentId }, SAFE_READ);
  let execution = await find();
  if (execution?.messageId === null && (await noteIfSent(database, { agentId, executionId }))) execution = await find();
  const session =
    execution === null ? null : await database.gatewaySessions.findOne({ _id: execution.sessionId }, READ);
  if (execution === null || session === null || execution.messageId === null) {
    throw new AppError('EXECUTION_NOT_FOUND');
  }
  return { execution, session };
}

/** The turns that an agent has not answered yet, oldest first. */
export async function listOpenTurns(
  database: Database,
  agentId: string,
  limit: number,
): Promise<{ execution: GatewayExecution; session: GatewaySession }[]> {
  const rows = await database.gatewayExecutions
    .find(
      { agentId, status: { $in: ['queued', 'running'] }, messageId: { $type: 'string' } },
      { ...SAFE_READ, sort: { queuedAt: 1 }, limit },
    )
    .toArray();
  const ids = [...new Set(rows.map(({ sessionId }) => sessionId))];
  const found = await database.gatewaySessions.find({ _id: { $in: ids } }, READ).toArray();
  const sessions = new Map(found.map((session) => [session._id, session]));
  return rows.flatMap((execution) => {
    const session = sessions.get(execution.sessionId);
    return session === undefined ? [] : [{ execution, session }];
  });
}

/** The text that an agent has streamed so far. */
export const streamedText = (database: Database, executionId: string): Promise<string> =>
  textBefore(database, executionId, `${executionId};`);

/** What those who watch a turn were shown of its text up to the event of this number. */
export const textThrough = (
  database: Database,
  { _id: id }: Pick<GatewayExecution, '_id'>,
  n: number,
): Promise<string> => textBefore(database, id, turnEventId(id, n + 1));

async function textBefore(database: Database, executionId: string, end: string): Promise<string> {
  const rows = await database.gatewayEvents
    .find(
      { _id: { $gt: `${executionId}:`, $lt: end }, type: 'text' },
      { ...SAFE_READ, sort: { _id: 1 }, projection: { data: 1 } },
    )
    .toArray();
  return rows.map(({ data }) => String(data['text'])).join('');
}
