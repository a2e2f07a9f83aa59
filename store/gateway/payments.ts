import { createHash } from 'node:crypto';
import { Binary } from 'mongodb';
import { WITHHELD_KEEP_MS } from '../../contract/limits';
import { afterAnswer, type SettleAnswer, type SettleState } from '../../domain/settlement';
import type { PaymentClaim, PaymentKey } from '../../domain/x402';
import type { SecretKey } from '../../platform/config';
import { createSealer } from '../../platform/sealing';
import type { FacilitatorCall } from '../../platform/x402/facilitator';
import type { GatewayExecution } from '../schema/collections/gateway';
import type { Payment } from '../schema/collections/payments';
import { isDuplicateKey } from '../schema/conflicts';
import { withTransaction, type Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { insertSession, type NewSession } from './sessions';
import { insertTurn, newExecution, type NewTurn } from './turns';

/** What facilitators are sent, as it rests in the database: for one payment, and for holders of `SECRET_KEYS`. */
export interface PaymentSeal {
  seal(paymentId: string, call: FacilitatorCall): NonNullable<Payment['sealed']>;
  /** @throws Error when the key is gone, or the payment needs it no more */
  open(payment: Pick<Payment, '_id' | 'sealed'>): FacilitatorCall;
}

export function createPaymentSeal(secretKeys: SecretKey[]): PaymentSeal {
  const sealer = createSealer('x402-payment', secretKeys);
  return {
    seal: (paymentId, call) => {
      const { keyId, bytes } = sealer.seal(paymentId, Buffer.from(JSON.stringify(call)));
      return { keyId, bytes: new Binary(bytes) };
    },
    open: ({ _id, sealed }) => {
      if (sealed === undefined) throw new Error('the payment needs no facilitator any more');
      const bytes = sealer.open(_id, { keyId: sealed.keyId, bytes: sealed.bytes.buffer });
      // The parse point of what `seal` wrote.
      return JSON.parse(bytes.toString('utf8')) as FacilitatorCall;
    },
  };
}

/** By which the same payment is known again: what was signed, and the signature. */
export function hashOfPayment({ authorization, signature }: Pick<PaymentClaim, 'authorization' | 'signature'>): string {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const signed = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
  return createHash('sha256').update(signed.join('|').toLowerCase()).digest('hex');
}

/** The payment that holds this claim; null: none does. */
export function findClaimed(database: Database, key: PaymentKey): Promise<Payment | null> {
  const { network, asset, payer, nonce } = key;
  return database.payments.findOne({ network, asset, payer, nonce, isClaimed: true }, SAFE_READ);
}

/** The payment to which its payer gave this name; null: none has it. */
export function findNamed(
  database: Database,
  { agentId, payer, identifier }: { agentId: string; payer: string; identifier: string | null },
): Promise<Payment | null> {
  if (identifier === null) return Promise.resolve(null);
  return database.payments.findOne({ agentId, payer, identifier, isClaimed: true }, SAFE_READ);
}

/** The payment as it is now. @throws Error when there is none: payments are kept */
export async function loadPayment(database: Database, id: string): Promise<Payment> {
  const payment = await database.payments.findOne({ _id: id }, SAFE_READ);
  if (payment === null) throw new Error('no such payment');
  return payment;
}

/** The payments for turns with an agent, newest first. */
export function listPayments(database: Database, agentId: string, limit: number): Promise<Payment[]> {
  return database.payments.find({ agentId }, { ...SAFE_READ, sort: { createdAt: -1, _id: -1 }, limit }).toArray();
}

/** A turn that is paid for. */
export interface PaidTurn {
  payment: Omit<Payment, 'executionId' | 'sessionId'>;
  turn: NewTurn & { paymentId: string };
  /** Its session, where it is a new one. */
  made: NewSession | null;
}

/**
 * Takes a payment and begins its turn, in one transaction: the claim, a new session, the turn, and the row of the outbox
 * by which its flow is started. A crash before the commit leaves nothing, and the same payment can be sent again; after it
 * the flow does the rest. Of two with the same claim or name one commits.
 * @returns null when the claim or the name is taken
 * @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED, TURN_QUEUE_FULL; nothing is claimed then
 */
export async function claimPaidTurn(
  database: Database,
  { payment, turn, made }: PaidTurn,
): Promise<{ execution: GatewayExecution; payment: Payment } | null> {
  const execution = newExecution(turn);
  const row: Payment = { ...payment, executionId: execution._id, sessionId: turn.session._id };
  try {
    await withTransaction(database, async (transaction) => {
      await database.payments.insertOne(row, { session: transaction });
      if (made !== null) await insertSession(database, made, transaction);
      await insertTurn(database, execution, turn, transaction);
    });
    return { execution, payment: row };
  } catch (error) {
    if (isDuplicateKey(error, CLAIM) || isDuplicateKey(error, NAME)) return null;
    throw error;
  }
}

const CLAIM = ['network', 'asset', 'payer', 'nonce'];
const NAME = ['agentId', 'payer', 'identifier'];

/**
 * The turn brought no answer: nothing is paid, and the payment may be used for another one. Repeating it changes nothing;
 * one that is being settled stays so.
 */
export async function releasePayment(database: Database, id: string, reason: string): Promise<void> {
  await database.payments.updateOne(
    { _id: id, status: 'running' },
    { $set: { status: 'released', reason }, $unset: { isClaimed: '', sealed: '' } },
  );
}

/**
 * Notes that a facilitator is about to be asked to settle a payment: from now on it may have been settled, whatever becomes
 * of who asks. Two at once send the same bytes; the second one finds the payment in doubt.
 * @returns the payment as it was before; null: it is settled or released, there is nothing to ask
 */
export function beginSettlement(database: Database, id: string): Promise<Payment | null> {
  return database.payments.findOneAndUpdate(
    { _id: id, status: { $in: ['running', 'settling', 'refused'] } },
    { $set: { status: 'settling', isInDoubt: true }, $inc: { attempts: 1 } },
    { returnDocument: 'before', maxTimeMS: READ.maxTimeMS },
  );
}

/**
 * Notes what the facilitator said. A settlement is final: an answer that comes in later changes nothing.
 * @param before as `beginSettlement` returned it
 * @returns where the payment stands then
 */
export async function recordSettlement(
  database: Database,
  before: Payment,
  answer: SettleAnswer,
  at: Date,
): Promise<SettleState> {
  const { status, isInDoubt, reason } = afterAnswer(answer, before.isInDoubt);
  const open = { _id: before._id, status: { $in: ['settling' as const, 'refused' as const] } };
  if (answer.kind === 'settled') {
    const { transaction } = answer;
    await database.payments.updateOne(open, {
      $set: { status, isInDoubt, reason, transaction, settledAt: at },
      $unset: { sealed: '', withheldUntil: '' },
    });
    return status;
  }
  const withheldUntil = before.withheldUntil ?? new Date(at.getTime() + WITHHELD_KEEP_MS);
  await database.payments.updateOne(
    // Another asker's doubt is not ended by this answer.
    { ...open, attempts: before.attempts + 1 },
    { $set: { status, isInDoubt, reason, ...(status === 'refused' ? { withheldUntil } : {}) } },
  );
  const now = await loadPayment(database, before._id);
  return now.status === 'settled' || now.status === 'refused' ? now.status : 'settling';
}

/** Nobody asks for it any more: what would move the money is forgotten. Repeating it changes nothing. */
export async function forgetPayload(database: Database, id: string): Promise<void> {
  await database.payments.updateOne({ _id: id }, { $unset: { sealed: '' } });
}
