import type { Payment } from '../../store/schema/collections/payments';
import { loadPayment } from '../../store/gateway/payments';
import type { Database } from '../../store/schema/database';
import { isOutage } from '../../store/schema/outage';
import { createBell } from '../turns/bell';

/** A settlement takes a moment or many seconds: looked at often first, then less. */
const LOOK_MS_MIN = 25;
const LOOK_MS_MAX = 500;
const LOOK_GROWTH = 1.4;

/**
 * Waits until it is known what became of a payment, or the signal ends the waiting.
 * @param isOver what counts as known: an older refusal does not, where it was asked again
 * @returns the payment as it is then; null: it is not known
 */
export async function awaitSettlement(
  database: Database,
  paymentId: string,
  isOver: (payment: Payment) => boolean,
  signal: AbortSignal,
): Promise<Payment | null> {
  const bell = createBell([signal]);
  for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * LOOK_GROWTH)) {
    // Who waits for its money waits for the database, too.
    const payment = await loadPayment(database, paymentId).catch((error: unknown) => {
      if (isOutage(error)) return null;
      throw error;
    });
    if (payment !== null && isOver(payment)) return payment;
    if (signal.aborted) return null;
    await bell.wait(lookMs);
  }
}
