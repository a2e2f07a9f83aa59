import { createHmac, timingSafeEqual } from 'node:crypto';
import { CODE_LENGTH } from '../contract/limits';
import type { SecretKey } from './config';

/**
 * The verification code of a pending: six digits by HMAC from its random id, so that nothing has to be stored and a
 * repeated mail carries the same code. The key's name keeps other uses of the key apart.
 */
export function deriveCode(key: SecretKey, pendingId: string): string {
  const digest = createHmac('sha256', key.key).update(`code|${pendingId}`).digest();
  // 48 of 256 bits modulo a million: the bias is below 1 in 10^8.
  return String(digest.readUIntBE(0, 6) % 10 ** CODE_LENGTH).padStart(CODE_LENGTH, '0');
}

/**
 * What goes into a flow's history in place of the code that somebody typed: without the key nobody can try codes
 * against it.
 */
export function codeProof(key: SecretKey, pendingId: string, code: string): string {
  return createHmac('sha256', key.key).update(`proof|${pendingId}|${code}`).digest('hex');
}

/** Compares in constant time. */
export function isRightProof(key: SecretKey, pendingId: string, proof: string): boolean {
  const expected = Buffer.from(codeProof(key, pendingId, deriveCode(key, pendingId)));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
