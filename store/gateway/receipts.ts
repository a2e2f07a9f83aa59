import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { TURN_RECEIPT_KEEP_MS } from '../../contract/limits';
import { retry } from '../../platform/retry';
import type { GatewayExecution, GatewayReceipt } from '../schema/collections/gateway';
import { isDuplicateKey, WriteConflict } from '../schema/conflicts';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { loadExecution } from './executions';

/** A call that names itself with an `Idempotency-Key` (gateway.md §9.4). */
export type TurnReceipt = Pick<GatewayReceipt, '_id' | 'bodyHash'>;

/** Who collides finds the other's turn with the next look, unless that one has failed by then. */
const TRIES_MAX = 4;

/** A receipt as the transaction that starts the turn writes it. */
export interface NewReceipt extends TurnReceipt {
  /** The turn that it names now and that does not count any more: it brought no answer, or was long ago. Null: none. */
  replaces: string | null;
}

/**
 * Starts a turn unless the same call has started one that is open or was answered. The receipt commits with the turn, so
 * a crash leaves both or neither; of two at once one collides with the other's receipt, and finds its turn.
 * @param start starts the turn, and writes the receipt with it (`writeReceipt`)
 * @returns the turn, and whether it was there before
 * @throws AppError IDEMPOTENCY_KEY_CONFLICT for another body under the same key; what `start` throws
 */
export function startOnce(
  database: Database,
  receipt: TurnReceipt | null,
  now: Date,
  start: (receipt: NewReceipt | null) => Promise<GatewayExecution>,
): Promise<{ execution: GatewayExecution; isReplay: boolean }> {
  const attempt = async () => {
    if (receipt === null) return { execution: await start(null), isReplay: false };
    const known = await database.gatewayReceipts.findOne({ _id: receipt._id }, SAFE_READ);
    if (known === null || known.expiresAt <= now) {
      return { execution: await start({ ...receipt, replaces: known?.executionId ?? null }), isReplay: false };
    }
    if (known.bodyHash !== receipt.bodyHash) throw new AppError('IDEMPOTENCY_KEY_CONFLICT');
    const execution = await loadExecution(database, known.executionId);
    if (execution !== null && execution.status !== 'failed' && execution.status !== 'cancelled') {
      return { execution, isReplay: true };
    }
    return { execution: await start({ ...receipt, replaces: known.executionId }), isReplay: false };
  };
  const isTaken = (error: unknown) => error instanceof WriteConflict || isDuplicateKey(error, ['_id']);
  return retry(attempt, { triesMax: TRIES_MAX, isWorthIt: isTaken });
}

/**
 * Writes the receipt of a turn, in the transaction that starts it.
 * @throws a duplicate key when another call has just written the first one, WriteConflict when it has replaced it
 */
export async function writeReceipt(
  database: Database,
  { _id, bodyHash, replaces }: NewReceipt,
  executionId: string,
  now: Date,
  transaction: ClientSession,
): Promise<void> {
  const fields = { bodyHash, executionId, expiresAt: new Date(now.getTime() + TURN_RECEIPT_KEEP_MS) };
  if (replaces === null) {
    await database.gatewayReceipts.insertOne({ _id, ...fields }, { session: transaction });
    return;
  }
  const { matchedCount } = await database.gatewayReceipts.updateOne(
    { _id, executionId: replaces },
    { $set: fields },
    { session: transaction },
  );
  if (matchedCount === 0) throw new WriteConflict();
}
