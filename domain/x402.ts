import type { Price } from '../contract/payments';
import { PAYMENT_SPARE_SECONDS, PAYMENT_SPARE_SECONDS_MIN } from '../contract/limits';

/** The rules of paid chat (gateway.md §6.3): what is asked for, and whether a payment is what was asked for. */

/** The two versions of x402 that are on the wire: they name fields, headers and networks differently. */
export type Generation = 1 | 2;

/** Networks that version 1 has a name for. */
const NAMES_V1: Readonly<Record<string, string>> = {
  'eip155:8453': 'base',
  'eip155:84532': 'base-sepolia',
  'eip155:43114': 'avalanche',
  'eip155:43113': 'avalanche-fuji',
};
export const NETWORKS = Object.keys(NAMES_V1);

/** What version 1 calls a network; null: nothing. */
export const nameV1Of = (network: string): string | null => NAMES_V1[network] ?? null;

/** The CAIP-2 name of a network that version 1 calls so; null: of none. */
export const networkOfV1 = (name: string): string | null =>
  NETWORKS.find((network) => NAMES_V1[network] === name) ?? null;

/** A network as callers of this generation write it. */
export const networkFor = (version: Generation, network: string): string =>
  version === 1 ? (nameV1Of(network) ?? network) : network;

/** What an owner asks for a turn. */
export interface Offer {
  price: Price;
  payTo: string;
  description: string;
  timeoutSeconds: number;
  /** The URL that is paid for. */
  resource: string;
}

export interface TermsV1 {
  scheme: 'exact';
  network: string;
  maxAmountRequired: string;
  resource: string;
  description: string;
  mimeType: string;
  outputSchema: object;
  payTo: string;
  maxTimeoutSeconds: number;
  asset: string;
  extra: { name: string; version: string };
}

export interface TermsV2 {
  scheme: 'exact';
  network: string;
  amount: string;
  asset: string;
  payTo: string;
  maxTimeoutSeconds: number;
  extra: { name: string; version: string };
}

const MIME_TYPE = 'application/json';
const OUTPUT_SCHEMA = {
  input: {
    type: 'http',
    method: 'POST',
    bodyType: 'json',
    bodyFields: { message: { type: 'string' }, session_id: { type: 'string' } },
  },
  output: { response: { type: 'string' } },
};

/** The entries of `accepts` in version 1: none where it has no name for the network. */
export function termsV1({ price, payTo, description, timeoutSeconds, resource }: Offer): TermsV1[] {
  const network = nameV1Of(price.network);
  if (network === null) return [];
  const terms: TermsV1 = {
    scheme: 'exact',
    network,
    maxAmountRequired: price.amount,
    resource,
    description,
    mimeType: MIME_TYPE,
    outputSchema: OUTPUT_SCHEMA,
    payTo,
    maxTimeoutSeconds: timeoutSeconds + PAYMENT_SPARE_SECONDS,
    asset: price.asset,
    extra: { name: price.name, version: price.version },
  };
  return [terms];
}

/** The one entry of `accepts` in version 2. */
export function termsV2({ price, payTo, timeoutSeconds }: Offer): TermsV2 {
  return {
    scheme: 'exact',
    network: price.network,
    amount: price.amount,
    asset: price.asset,
    payTo,
    maxTimeoutSeconds: timeoutSeconds + PAYMENT_SPARE_SECONDS,
    extra: { name: price.name, version: price.version },
  };
}

export interface RequiredV1 {
  x402Version: 1;
  error: string;
  accepts: TermsV1[];
}

export interface RequiredV2 {
  x402Version: 2;
  error: string;
  resource: { url: string; description: string; mimeType: string };
  accepts: TermsV2[];
  extensions: Record<string, object>;
}

export const requiredV1 = (offer: Offer, error: string): RequiredV1 => ({
  x402Version: 1,
  error,
  accepts: termsV1(offer),
});

/** Callers may name their payment, so that a new signature for the same intention pays once. */
const IDENTIFIER_EXTENSION = {
  'payment-identifier': {
    info: { required: false },
    schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        required: { type: 'boolean' },
        id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[a-zA-Z0-9_-]+$' },
      },
      required: ['required'],
    },
  },
};

export const requiredV2 = (offer: Offer, error: string): RequiredV2 => ({
  x402Version: 2,
  error,
  resource: { url: offer.resource, description: offer.description, mimeType: MIME_TYPE },
  accepts: [termsV2(offer)],
  extensions: IDENTIFIER_EXTENSION,
});

/** What a payer has signed: EIP-3009 `TransferWithAuthorization`. Numbers are decimal texts, times in seconds. */
export interface Authorization {
  from: string;
  to: string;
  value: string;
  validAfter: string;
  validBefore: string;
  nonce: string;
}

/** A payment as it came in, of the right shape. */
export interface PaymentClaim {
  version: Generation;
  scheme: string;
  /** As its generation writes it. */
  network: string;
  signature: string;
  authorization: Authorization;
  /** Version 2: the terms that the payer says it accepted. */
  accepted: Record<string, unknown> | null;
  /** The name that the payer gave its payment; null: none. */
  identifier: string | null;
  /** All of it, as it is passed on. */
  payload: Record<string, unknown>;
}

/** Why a payment is not taken (gateway.md §6.3). */
export type PaymentFault =
  | 'invalid_exact_evm_payload_authorization_valid_after'
  | 'invalid_exact_evm_payload_authorization_valid_before'
  | 'invalid_exact_evm_payload_authorization_value_mismatch'
  | 'invalid_exact_evm_payload_recipient_mismatch'
  | 'invalid_exact_evm_payload_signature'
  | 'invalid_network'
  | 'invalid_payload'
  | 'invalid_payment_requirements'
  | 'invalid_scheme'
  | 'invalid_transaction_state'
  | 'invalid_x402_version'
  | 'insufficient_funds';

export const sameText = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/**
 * What is wrong with a payment for this offer at this time, or null. Who signed it, and whether the money is there, its
 * facilitator says.
 */
export function faultOfPayment(payment: PaymentClaim, offer: Offer, nowMs: number): PaymentFault | null {
  if (payment.scheme !== 'exact') return 'invalid_scheme';
  return (payment.version === 1 ? faultOfV1 : faultOfV2)(payment, offer) ?? faultOfTerms(payment, offer, nowMs);
}

function faultOfV1({ network }: PaymentClaim, offer: Offer): PaymentFault | null {
  return termsV1(offer).some((terms) => terms.network === network) ? null : 'invalid_network';
}

function faultOfV2({ network, accepted }: PaymentClaim, offer: Offer): PaymentFault | null {
  if (network !== offer.price.network) return 'invalid_network';
  return sameJson(accepted, termsV2(offer)) ? null : 'invalid_payment_requirements';
}

function faultOfTerms({ version, authorization }: PaymentClaim, offer: Offer, nowMs: number): PaymentFault | null {
  const { price, payTo, timeoutSeconds } = offer;
  if (!sameText(authorization.to, payTo)) return 'invalid_exact_evm_payload_recipient_mismatch';
  const [value, amount] = [BigInt(authorization.value), BigInt(price.amount)];
  if (version === 1 ? value < amount : value !== amount) {
    return 'invalid_exact_evm_payload_authorization_value_mismatch';
  }
  // It is settled behind the turn: until then it has to stay good.
  const settledBySeconds = BigInt(Math.floor(nowMs / 1_000) + timeoutSeconds + PAYMENT_SPARE_SECONDS_MIN);
  return faultOfTimes(authorization, BigInt(Math.floor(nowMs / 1_000)), settledBySeconds);
}

/** Whether an authorization holds at a time, and up to another one. */
export function faultOfTimes(
  { validAfter, validBefore }: Authorization,
  fromSeconds: bigint,
  toSeconds: bigint,
): PaymentFault | null {
  if (BigInt(validBefore) < toSeconds) return 'invalid_exact_evm_payload_authorization_valid_before';
  return BigInt(validAfter) > fromSeconds ? 'invalid_exact_evm_payload_authorization_valid_after' : null;
}

/** Equal as JSON, addresses in any case. Nothing may be missing, nothing may be added. */
function sameJson(one: unknown, other: unknown): boolean {
  if (typeof one === 'string' && typeof other === 'string') {
    return one === other || (/^0x[0-9a-f]+$/i.test(one) && sameText(one, other));
  }
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const keys = Object.keys(other);
  if (Array.isArray(one) !== Array.isArray(other) || Object.keys(one).length !== keys.length) return false;
  // The parse point of two objects that are compared by their keys.
  return keys.every(
    (key) =>
      Object.hasOwn(one, key) &&
      sameJson((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
  );
}

/** What settles a payment once: of all payments with these four at most one moves money. */
export interface PaymentKey {
  network: string;
  asset: string;
  payer: string;
  nonce: string;
}

/** One spelling per payment. @param offer whose asset it pays with */
export const keyOfPayment = ({ version, network, authorization }: PaymentClaim, { price }: Offer): PaymentKey => ({
  network: version === 1 ? (networkOfV1(network) ?? network) : network,
  asset: price.asset.toLowerCase(),
  payer: authorization.from.toLowerCase(),
  nonce: authorization.nonce.toLowerCase(),
});
