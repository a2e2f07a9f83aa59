import { ALL_ERRORS } from '../../contract/codes';
import { toEnvelope, type AppError } from '../../contract/errors';
import { requiredV1, requiredV2, type Generation, type Offer } from '../../domain/x402';
import { presentSettlement } from '../../presenters/payments';
import type { Payment } from '../../store/schema/collections/payments';
import type { Reply } from '../http/route';

/** What a request without a payment is told; published clients know it by its words. */
export const NO_PAYMENT = 'X-PAYMENT header is required';

const SETTLEMENT_HEADERS = { 1: 'X-PAYMENT-RESPONSE', 2: 'PAYMENT-RESPONSE' } as const;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

/** The header by which a payer hears what became of its payment, as its generation reads it. */
export const settlementHeader = (version: Generation, payment: Payment): Record<string, string> => ({
  [SETTLEMENT_HEADERS[version]]: encode(presentSettlement(payment, version)),
});

/**
 * The 402 of both generations at once (gateway.md §6.3): one reads the header, the other one the body.
 * @param error why, as a reason code
 * @param refused a payment that was refused when it was to be settled
 */
export function paymentRequired(offer: Offer, error: string, refused?: Payment): Reply {
  const { message } = ALL_ERRORS.PAYMENT_REQUIRED;
  const required = requiredV2(offer, error);
  const body = {
    ...requiredV1(offer, error),
    payment_required: required,
    code: 'PAYMENT_REQUIRED',
    message,
    detail: message,
    ...(refused === undefined ? {} : { payment: { settled: false, reason: refused.reason ?? error } }),
  };
  return {
    status: 402,
    headers: {
      'PAYMENT-REQUIRED': encode(required),
      'Cache-Control': 'no-store',
      ...(refused === undefined ? {} : settlementHeader(refused.version, refused)),
    },
    body,
  };
}

/** The refusal of a turn that brought no answer: nothing was paid. */
export function unpaidRefusal(error: AppError, reason: string): Reply {
  const seconds = error.retryAfterMs === undefined ? null : Math.max(1, Math.ceil(error.retryAfterMs / 1_000));
  return {
    status: error.status,
    headers: seconds === null ? {} : { 'Retry-After': String(seconds) },
    body: { ...toEnvelope(error), detail: error.message, payment: { settled: false, reason } },
  };
}
