import { createHash, createHmac, randomBytes } from 'node:crypto';
import { LINK_TOKEN_BYTES, VISITOR_SESSION_BYTES } from '../contract/limits';
import type { SecretKey } from './config';

/** A fresh token of a share link: 32 base64url characters (gateway.md §6.1). Shown once, never stored. */
export const newLinkToken = (): string => randomBytes(LINK_TOKEN_BYTES).toString('base64url');

/** A fresh id of a visitor's session: 22 base64url characters, its only credential (gateway.md §6.2). Never stored. */
export const newVisitorSessionId = (): string => randomBytes(VISITOR_SESSION_BYTES).toString('base64url');

/** What a visitor gets for a mailed code. Never stored. */
export const newVisitorToken = (): string => randomBytes(32).toString('base64url');

/** What is stored of these three: SHA-256 as 64 lowercase hex. */
export const hashLinkToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/**
 * What that may be for a visitor without a session whose call names itself (gateway.md §9.4), the first for a new one: the
 * same for the same call from the same address over the same link, and for nobody else. One for each of the server's keys,
 * so that a call is known again when they change.
 */
export const sessionIdsOfCall = (
  keys: SecretKey[],
  { linkId, address, idempotencyKey }: { linkId: string; address: string; idempotencyKey: string },
): string[] =>
  keys.map(({ key }) =>
    createHmac('sha256', key)
      .update(['first-message', linkId, address, idempotencyKey].join('|'))
      .digest()
      .subarray(0, VISITOR_SESSION_BYTES)
      .toString('base64url'),
  );

/** The opaque id of a visitor with this session; what it calls with does not follow from it. */
export const visitorIdOfSession = (sessionId: string): string =>
  createHash('sha256').update(`visitor|${sessionId}`).digest('base64url').slice(0, 16);

/** The visitor that a proven address is at a link: the same at each proof, another one at another link. */
export const visitorIdOf = (linkId: string, email: string): string =>
  createHash('sha256').update(`visitor|${linkId}|${email}`).digest('base64url').slice(0, 22);

/** By what a visitor with a proven address names its session; nobody gets in with it. */
export const sessionNameOf = (sessionId: string): string =>
  createHash('sha256').update(`session|${sessionId}`).digest('base64url').slice(0, 22);

/** What is kept of a visitor's address, to count those of a link: without the key nobody can try addresses against it. */
export function hashAddress(keys: SecretKey[], linkId: string, address: string): string {
  const key = keys[0]?.key ?? '';
  return createHmac('sha256', key).update(`address|${linkId}|${address}`).digest('base64url').slice(0, 22);
}
