import type { PaidAnswerView, PaymentSettingsView, PaymentView } from '../contract/payments';
import { networkFor, type Generation } from '../domain/x402';
import type { GatewayExecution } from '../store/schema/collections/gateway';
import type { Payment, PaymentSettings } from '../store/schema/collections/payments';

export const presentPaymentSettings = (settings: PaymentSettings): PaymentSettingsView => ({
  enabled: settings.isEnabled,
  price: settings.price,
  pay_to: settings.payTo,
  description: settings.description,
  timeout_seconds: settings.timeoutSeconds,
});

/** A payment as the agent's owner sees it. */
export const presentPayment = (payment: Payment): PaymentView => ({
  id: payment._id,
  execution_id: payment.executionId,
  session_id: payment.sessionId,
  status: payment.status,
  settled: payment.status === 'settled',
  x402_version: payment.version,
  network: payment.network,
  asset: payment.asset,
  amount: payment.amount,
  payer: payment.payer,
  pay_to: payment.payTo,
  transaction: payment.transaction,
  reason: payment.reason,
  created_at: payment.createdAt.toISOString(),
  settled_at: payment.settledAt?.toISOString() ?? null,
});

/** What became of a payment, as x402 writes it: the same for both generations, but for the network's name. */
export const presentSettlement = (payment: Payment, version: Generation) => {
  const isSettled = payment.status === 'settled';
  return {
    success: isSettled,
    ...(isSettled ? {} : { errorReason: payment.reason ?? 'unexpected_settle_error' }),
    transaction: payment.transaction ?? '',
    network: networkFor(version, payment.network),
    payer: payment.payer,
    ...(isSettled ? { amount: payment.amount } : {}),
  };
};

/** An answer that was paid for. @param version of the caller */
export const presentPaidAnswer = (
  { _id: id, sessionId, response }: GatewayExecution,
  payment: Payment,
  version: Generation,
): PaidAnswerView => ({
  response: response ?? '',
  execution_id: id,
  session_id: sessionId,
  status: 'success',
  payment: {
    settled: true,
    transaction: payment.transaction ?? '',
    network: networkFor(version, payment.network),
    payer: payment.payer,
    amount: payment.amount,
  },
});
