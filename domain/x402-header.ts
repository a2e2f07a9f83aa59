import { isJsonObject } from './json-object';
import type { Authorization, Generation, PaymentClaim, PaymentFault } from './x402';

/**
 * What a payment header says. Malformed: it is not base64 of JSON with the keys that its generation demands. Faulty: it
 * is, but of a version or a scheme that is not served.
 */
export type ReadPayment =
  { kind: 'malformed' } | { kind: 'faulty'; fault: PaymentFault } | { kind: 'payment'; payment: PaymentClaim };

const MALFORMED: ReadPayment = { kind: 'malformed' };
const faulty = (fault: PaymentFault): ReadPayment => ({ kind: 'faulty', fault });

/** Reads a payment header (gateway.md §6.3). @param version whose header it came in */
export function readPayment(header: string, version: Generation): ReadPayment {
  const json = decode(header);
  if (json === null || !Number.isInteger(json['x402Version']) || statedIn(json, version) === null) return MALFORMED;
  return json['x402Version'] === version ? readPayload(json) : faulty('invalid_x402_version');
}

/** Where a payment says for which scheme and network it is. Null: it lacks keys that its version demands. */
function statedIn(json: Record<string, unknown>, version: Generation) {
  const stated = version === 1 ? json : json['accepted'];
  if (!isJsonObject(stated) || !isJsonObject(json['payload'])) return null;
  const { scheme, network } = stated;
  if (typeof scheme !== 'string' || typeof network !== 'string') return null;
  return { scheme, network, stated, content: json['payload'] };
}

/** The same of what a header holds, of whichever version it says that it is. */
export function readPayload(json: Record<string, unknown>): ReadPayment {
  const version = json['x402Version'];
  if (version !== 1 && version !== 2) return faulty('invalid_x402_version');
  const found = statedIn(json, version);
  if (found === null) return MALFORMED;
  const { scheme, network, stated, content } = found;
  // What the payload looks like is the scheme's business.
  if (scheme !== 'exact') return faulty('invalid_scheme');
  const { signature, authorization } = content;
  if (!isHex(signature, 65) || !isAuthorization(authorization)) return MALFORMED;
  const identifier = readIdentifier(json['extensions']);
  if (identifier === undefined) return MALFORMED;
  const accepted = version === 1 ? null : stated;
  return {
    kind: 'payment',
    payment: { version, scheme, network, signature, authorization, accepted, identifier, payload: json },
  };
}

/** Base64, with or without padding, of a JSON object. */
function decode(header: string): Record<string, unknown> | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(header)) return null;
  try {
    const json: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
    return isJsonObject(json) ? json : null;
  } catch {
    return null;
  }
}

/** So many bytes as 0x and hexadecimal digits. */
const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === 'string' && value.length === 2 + bytes * 2 && /^0x[0-9a-fA-F]+$/.test(value);

const UINT256_MAX = 2n ** 256n - 1n;
const UINT256_DIGITS_MAX = 78;

const isUint256 = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= UINT256_DIGITS_MAX &&
  /^\d+$/.test(value) &&
  BigInt(value) <= UINT256_MAX;

function isAuthorization(value: unknown): value is Authorization {
  if (!isJsonObject(value)) return false;
  const { from, to, value: amount, validAfter, validBefore, nonce } = value;
  return (
    isHex(from, 20) &&
    isHex(to, 20) &&
    isUint256(amount) &&
    isUint256(validAfter) &&
    isUint256(validBefore) &&
    isHex(nonce, 32)
  );
}

/** The id of the extension `payment-identifier`; null: there is none, undefined: it is not one. */
function readIdentifier(extensions: unknown): string | null | undefined {
  if (extensions === undefined || extensions === null) return null;
  if (!isJsonObject(extensions)) return undefined;
  const extension = extensions['payment-identifier'];
  if (!isJsonObject(extension)) return null;
  const info = isJsonObject(extension['info']) ? extension['info'] : extension;
  const { id } = info;
  if (id === undefined || id === null) return null;
  return typeof id === 'string' && /^[A-Za-z0-9_-]{16,128}$/.test(id) ? id : undefined;
}
