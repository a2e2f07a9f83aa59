import { randomBytes, randomUUID, createHash } from 'node:crypto';
import { GUEST_PREFIX } from '../contract/handles';
import { GATEWAY_ID_PREFIX, ID_PREFIX } from '../contract/ids';

/** A fresh identifier: `<prefix>` + 16 base64url characters (12 CSPRNG bytes), conventions.md §12. */
export function newId(
  kind: Exclude<keyof typeof ID_PREFIX, 'delivery' | 'outboxRow' | 'webhookDelivery' | 'webhookEvent'>,
): string {
  return ID_PREFIX[kind] + randomBytes(12).toString('base64url');
}

/** The same of the chat gateway (gateway.md §1). */
export function newGatewayId(kind: keyof typeof GATEWAY_ID_PREFIX): string {
  return GATEWAY_ID_PREFIX[kind] + randomBytes(12).toString('base64url');
}

/** A secret that signs callbacks, as users of Standard Webhooks know them. */
export const newCallbackSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** Digits of base32, one for each five bits of a byte: no bias. */
const GUEST_DIGITS = 'abcdefghijklmnopqrstuvwxyz234567';
const GUEST_DIGITS_COUNT = 20;

/** A fresh handle of a guest: 100 random bits (gateway.md §1). */
export function newGuestHandle(): string {
  const digits = [...randomBytes(GUEST_DIGITS_COUNT)].map((byte) => GUEST_DIGITS[byte % GUEST_DIGITS.length]);
  return `${GUEST_PREFIX}${digits.join('')}`;
}

/** A fresh outbox row id: `obx_` + 32 hex. */
export function newOutboxId(): string {
  return ID_PREFIX.outboxRow + randomBytes(16).toString('hex');
}

/** A fresh id of an owner: a UUID (conventions.md §12). */
export function newOwnerId(): string {
  return randomUUID();
}

/** A fresh API key: `ac_live_` + base64url of 32 CSPRNG bytes, conventions.md §3. Shown once, never stored. */
export function newApiKey(): string {
  return `ac_live_${randomBytes(32).toString('base64url')}`;
}

/** What is stored of an API key: SHA-256 of the full key string as 64 lowercase hex. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
