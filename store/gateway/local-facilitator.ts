import { randomBytes } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import type { SettleAnswer } from '../../domain/settlement';
import { authorizationDigest, recoverSigner } from '../../domain/typed-data';
import { faultOfTimes, networkOfV1, sameText, type PaymentClaim, type PaymentFault } from '../../domain/x402';
import { readPayload } from '../../domain/x402-header';
import type { Facilitator, FacilitatorCall } from '../../platform/x402/facilitator';
import type { Clock } from '../../platform/clock';
import { withTransaction, type Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { hashOfPayment } from './payments';

/** A payment as the local facilitator looks at it: whose money goes where. */
interface Transfer {
  payment: PaymentClaim;
  network: string;
  asset: string;
  payer: string;
  payTo: string;
  value: bigint;
}

/**
 * A facilitator without a chain (gateway.md §6.3): signatures, times, amounts and nonces are checked as a token checks
 * them, and the money is a ledger of the database. For development and tests.
 */
export function createLocalFacilitator({ database, clock }: { database: Database; clock: Clock }): Facilitator {
  return {
    verify: async (call) => {
      const transfer = readTransfer(call, clock.now());
      if (typeof transfer === 'string') return { kind: 'invalid', reason: transfer };
      const fault = await faultOfLedger(database, transfer);
      return fault === null ? { kind: 'valid', payer: transfer.payer } : { kind: 'invalid', reason: fault };
    },
    settle: async (call) => {
      const now = clock.now();
      const transfer = readTransfer(call, now);
      if (typeof transfer !== 'string') return move(database, transfer, now);
      // What it settled in time it has settled, however late it is asked again.
      const done = await findDone(database, call);
      return done ?? { kind: 'refused', reason: transfer };
    },
  };
}

/** What is asked for, or what is wrong with it whatever the ledger says. */
function readTransfer(call: FacilitatorCall, now: Date): Transfer | PaymentFault {
  const read = readPayload(call.paymentPayload);
  if (read.kind === 'malformed') return 'invalid_payload';
  if (read.kind === 'faulty') return read.fault;
  const { payment } = read;
  const terms = readTerms(call);
  if (terms === null) return 'invalid_payment_requirements';
  const { version, authorization, signature } = payment;
  if (version !== call.x402Version) return 'invalid_x402_version';
  if (payment.network !== terms.network) return 'invalid_network';
  const network = version === 1 ? networkOfV1(terms.network) : terms.network;
  const chain = /^eip155:(\d+)$/.exec(network ?? '')?.[1];
  if (network === null || chain === undefined) return 'invalid_network';
  if (!sameText(authorization.to, terms.payTo)) return 'invalid_exact_evm_payload_recipient_mismatch';
  const value = BigInt(authorization.value);
  if (version === 1 ? value < terms.amount : value !== terms.amount) {
    return 'invalid_exact_evm_payload_authorization_value_mismatch';
  }
  const nowSeconds = BigInt(Math.floor(now.getTime() / 1_000));
  const late = faultOfTimes(authorization, nowSeconds, nowSeconds + 1n);
  if (late !== null) return late;
  const digest = authorizationDigest({ ...terms, chainId: BigInt(chain) }, authorization);
  const payer = authorization.from.toLowerCase();
  if (recoverSigner(digest, signature) !== payer) return 'invalid_exact_evm_payload_signature';
  return { payment, network, asset: terms.asset.toLowerCase(), payer, payTo: terms.payTo.toLowerCase(), value };
}

/** The parse point of the terms of a call, which anybody may have sent. */
function readTerms({ x402Version, paymentRequirements: terms }: FacilitatorCall) {
  const { network, asset, payTo, extra } = terms;
  const amount = terms[x402Version === 1 ? 'maxAmountRequired' : 'amount'];
  const named = typeof extra === 'object' && extra !== null ? (extra as { name?: unknown; version?: unknown }) : {};
  const isAddress = (text: unknown): text is string => typeof text === 'string' && /^0x[0-9a-fA-F]{40}$/.test(text);
  if (terms['scheme'] !== 'exact' || typeof network !== 'string' || !isAddress(asset) || !isAddress(payTo)) return null;
  if (typeof amount !== 'string' || !/^\d{1,78}$/.test(amount)) return null;
  if (typeof named.name !== 'string' || typeof named.version !== 'string') return null;
  return { network, asset, payTo, amount: BigInt(amount), name: named.name, version: named.version };
}

const accountId = (network: string, asset: string, address: string): string =>
  [network, asset, address].join('|').toLowerCase();

const transferId = ({ network, asset, payer, payment }: Transfer): string =>
  `${accountId(network, asset, payer)}|${payment.authorization.nonce.toLowerCase()}`;

async function faultOfLedger(database: Database, transfer: Transfer): Promise<PaymentFault | null> {
  const used = await database.facilitatorTransfers.findOne({ _id: transferId(transfer) }, SAFE_READ);
  if (used !== null) return 'invalid_transaction_state';
  const account = accountId(transfer.network, transfer.asset, transfer.payer);
  const balance = await database.facilitatorBalances.findOne({ _id: account }, SAFE_READ);
  return BigInt(balance?.amount ?? '0') < transfer.value ? 'insufficient_funds' : null;
}

const doneAnswer = ({ transaction, amount }: { transaction: string; amount: string }): SettleAnswer => ({
  kind: 'settled',
  transaction,
  amount,
});

/** The answer to a call that was settled before. */
async function findDone(database: Database, call: FacilitatorCall): Promise<SettleAnswer | null> {
  const read = readPayload(call.paymentPayload);
  const terms = readTerms(call);
  if (read.kind !== 'payment' || terms === null) return null;
  const { version, authorization } = read.payment;
  const network = version === 1 ? (networkOfV1(terms.network) ?? terms.network) : terms.network;
  const _id = `${accountId(network, terms.asset, authorization.from)}|${authorization.nonce.toLowerCase()}`;
  const done = await database.facilitatorTransfers.findOne(
    { _id, payloadHash: hashOfPayment(read.payment) },
    SAFE_READ,
  );
  return done === null ? null : doneAnswer(done);
}

/**
 * Moves the money in one transaction with the use of the nonce: a crash leaves both or none. Two at once write the same
 * documents, so the second one finds what the first has done, and gets its answer when it is the same payment.
 */
function move(database: Database, transfer: Transfer, at: Date): Promise<SettleAnswer> {
  const { network, asset, payer, payTo, value, payment } = transfer;
  const _id = transferId(transfer);
  const payloadHash = hashOfPayment(payment);
  return withTransaction(database, async (session): Promise<SettleAnswer> => {
    const used = await database.facilitatorTransfers.findOne({ _id }, { session });
    if (used !== null) {
      return used.payloadHash === payloadHash
        ? doneAnswer(used)
        : { kind: 'refused', reason: 'invalid_transaction_state' };
    }
    const from = accountId(network, asset, payer);
    const balance = BigInt((await database.facilitatorBalances.findOne({ _id: from }, { session }))?.amount ?? '0');
    if (balance < value) return { kind: 'refused', reason: 'insufficient_funds' };
    const amount = value.toString();
    const transaction = `0x${randomBytes(32).toString('hex')}`;
    await database.facilitatorTransfers.insertOne({ _id, payloadHash, transaction, amount, at }, { session });
    await writeBalance(database, from, balance - value, session);
    const to = accountId(network, asset, payTo);
    const owned = BigInt((await database.facilitatorBalances.findOne({ _id: to }, { session }))?.amount ?? '0');
    await writeBalance(database, to, owned + value, session);
    return { kind: 'settled', transaction, amount };
  });
}

async function writeBalance(database: Database, _id: string, amount: bigint, session: ClientSession): Promise<void> {
  await database.facilitatorBalances.updateOne(
    { _id },
    { $set: { amount: amount.toString() } },
    { session, upsert: true },
  );
}

/** Sets what an account has with the local facilitator. */
export async function setBalance(
  database: Database,
  { network, asset, address, amount }: { network: string; asset: string; address: string; amount: string },
): Promise<void> {
  const _id = accountId(networkOfV1(network) ?? network, asset, address);
  await database.facilitatorBalances.updateOne({ _id }, { $set: { amount } }, { upsert: true });
}
