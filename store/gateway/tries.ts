import type { ClientSession } from 'mongodb';
import { hasEnded } from '../../domain/turns';
import { retryPauseMs } from '../../domain/turn-tries';
import { newOutboxId } from '../../platform/ids';
import type { GatewayExecution } from '../schema/collections/gateway';
import { envelopesOf } from '../schema/collections/messages';
import { withTransactionBy, type Caller } from '../schema/prove-caller';
import { withTransaction, type Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { newEvent } from './events';

/** When a task is to be looked at again by itself: its next try may be handed over, or must have been taken. Null: never. */
export function nextLookOf({ status, tries, messageId, handedOverAt }: GatewayExecution): Date | null {
  if (tries === undefined || status !== 'queued') return null;
  if (messageId === null) return tries.notBefore;
  if (tries.attempt >= tries.max || handedOverAt === undefined) return null;
  return new Date(handedOverAt.getTime() + tries.acceptMs);
}

/**
 * Begins the next try of a task whose agent has not taken the last one in time (gateway.md §9.2). Any number at once: the
 * transaction begins it only while the message of the last one is the turn's.
 */
export async function retryUntaken(database: Database, execution: GatewayExecution, now: Date): Promise<void> {
  const { messageId, place, agentId } = execution;
  const due = nextLookOf(execution);
  if (messageId === null || place === undefined || due === null || due > now) return;
  const envelope = await database.envelopes.findOne(envelopesOf(agentId, place.conversationId, place.seq), SAFE_READ);
  if (envelope?.deliveredAt !== undefined || envelope?.readAt !== undefined) return;
  await withTransaction(database, async (transaction) => {
    const current = await database.gatewayExecutions.findOne({ _id: execution._id }, { session: transaction });
    if (current?.messageId === messageId) await beginNextTry(database, current, now, transaction);
  });
}

/**
 * Begins the next try of a task that could not be done. With `caller` the commit proves that the agent's key is the one of
 * its call.
 * @returns false when there is none left, or it has ended
 */
export function tryAgain(database: Database, executionId: string, now: Date, caller?: Caller): Promise<boolean> {
  return withTransactionBy(database, caller, async (transaction) => {
    const execution = await database.gatewayExecutions.findOne({ _id: executionId }, { session: transaction });
    return execution !== null && beginNextTry(database, execution, now, transaction);
  });
}

/**
 * The next try of a task, in the transaction that has read it: its message will be handed over again, after a pause.
 * Answers to earlier ones still count; what they streamed stays in the log.
 * @returns false when there is none left
 */
export async function beginNextTry(
  database: Database,
  { _id, tries, messageId, lastEvent, deadlineAt, status }: GatewayExecution,
  now: Date,
  transaction: ClientSession,
): Promise<boolean> {
  if (tries === undefined || tries.attempt >= tries.max || hasEnded(status)) return false;
  const attempt = tries.attempt + 1;
  const messageIds = messageId === null ? tries.messageIds : [...tries.messageIds, messageId];
  const notBefore = new Date(now.getTime() + retryPauseMs(tries.attempt));
  await database.gatewayExecutions.updateOne(
    { _id },
    {
      $set: {
        status: 'queued',
        startedAt: null,
        messageId: null,
        response: null,
        lastEvent: lastEvent + 1,
        tries: { ...tries, attempt, notBefore, messageIds },
      },
      $unset: { place: '', handedOverAt: '', stream: '' },
    },
    { session: transaction },
  );
  const data = { status: 'queued', label: `Attempt ${attempt} of ${tries.max}` };
  const event = newEvent({ _id, deadlineAt }, { n: lastEvent + 1, type: 'status', data, at: now });
  await database.gatewayEvents.insertOne(event, { session: transaction });
  // Its flow hears of it, and hands the message over when it is time.
  await database.outbox.insertOne(
    { _id: newOutboxId(), kind: 'turn.ended', executionId: _id, nextId: null, createdAt: now },
    { session: transaction },
  );
  return true;
}
