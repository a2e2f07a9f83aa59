import { hasEnded, OPEN_STATUSES } from '../../domain/turns';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { loadExecution } from './executions';
import { endTurn, type EndedTurn } from './turns';

/** What the relay of the outbox makes certain of turns (`delivery/turn-relay.ts`). */

/** Turns that end together; the others with the next round. */
const CUT_MAX = 100;

const GONE = { agent_suspended: 'The agent was suspended', agent_deleted: 'The agent was deleted' };

/**
 * Ends the open turns of an agent that was suspended or deleted. Dies in the middle: those that are left end with the next
 * round, for the row of the outbox stays until there are none.
 * @returns true when there are none left
 */
export async function cutTurns(
  database: Database,
  row: { _id: string; targetId: string; failure: keyof typeof GONE },
  at: Date,
): Promise<boolean> {
  const { targetId: agentId, failure: code } = row;
  const open = await database.gatewayExecutions
    .find({ agentId, status: { $in: [...OPEN_STATUSES] } }, { ...READ, limit: CUT_MAX, projection: { _id: 1 } })
    .toArray();
  const error = { code, message: GONE[code] };
  for (const { _id } of open) await endTurn(database, _id, { status: 'failed', error, at });
  if (open.length === CUT_MAX) return false;
  await database.outbox.deleteOne({ _id: row._id });
  return true;
}

/** The row of the outbox by which a turn was started leaves it: its flow was started. */
export async function settleStarted(database: Database, executionId: string): Promise<void> {
  await database.outbox.deleteMany({ kind: 'turn.started', executionId });
}

/** The same for a turn that ended or was detached: its flow was told, and this next one was handed over. */
export async function settleEnded(database: Database, { executionId, nextId }: EndedTurn): Promise<void> {
  await database.outbox.deleteMany({ kind: 'turn.ended', executionId, nextId });
}

/** Turns of an agent that are handed over when its pause ends: as many as may wait for it. */
const WAITING_MAX = 1_000;

/** The turns of an agent whose message it has not got yet, oldest first. */
export async function findWaitingTurns(database: Database, agentId: string): Promise<string[]> {
  const rows = await database.gatewayExecutions
    .find(
      { agentId, status: { $in: [...OPEN_STATUSES] }, messageId: null },
      { ...READ, sort: { queuedAt: 1 }, limit: WAITING_MAX, projection: { _id: 1 } },
    )
    .toArray();
  return rows.map(({ _id }) => _id);
}

/** The end of a pause leaves the outbox: what waited for it was handed over. */
export async function settleUnpaused(database: Database, rowId: string): Promise<void> {
  await database.outbox.deleteOne({ _id: rowId });
}

/** What the flow of a turn is started with, also of one that has ended for good; null when the turn is gone. */
export async function flowInputOf(database: Database, executionId: string) {
  const execution = await loadExecution(database, executionId);
  if (execution === null) return null;
  const { status, messageId } = execution;
  const agent = await database.agents.findOne({ _id: execution.agentId }, { ...READ, projection: { handle: 1 } });
  return {
    executionId,
    sessionId: execution.sessionId,
    agentHandle: agent?.handle ?? 'unknown',
    waitUntil: execution.waitUntil.toISOString(),
    deadlineAt: execution.deadlineAt.toISOString(),
    ...(hasEnded(status) ? { ended: { status, isHandedOver: messageId !== null } } : {}),
    ...(execution.callback === undefined ? {} : { hasCallback: true as const }),
    ...(execution.paymentId === undefined ? {} : { paymentId: execution.paymentId }),
  };
}
