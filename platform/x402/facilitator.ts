import { isIP } from 'node:net';
import { request } from 'undici';
import type { SettleAnswer } from '../../domain/settlement';

/** What a facilitator is asked about: a payment in its version's form, and the terms that it is for. */
export interface FacilitatorCall {
  x402Version: 1 | 2;
  paymentPayload: Record<string, unknown>;
  paymentRequirements: Record<string, unknown>;
}

export type VerifyAnswer =
  | { kind: 'valid'; payer: string | null }
  | { kind: 'invalid'; reason: string }
  /** Nothing is known: it did not answer, or not as a facilitator does. */
  | { kind: 'unavailable'; reason: string };

/** Who checks payments and moves the money. Neither of them ever throws. */
export interface Facilitator {
  /** Whether the payment would be settled now. Changes nothing. */
  verify(call: FacilitatorCall): Promise<VerifyAnswer>;
  /** Moves the money; the same call again moves it no second time. */
  settle(call: FacilitatorCall): Promise<SettleAnswer>;
}

const VERIFY_MS_MAX = 10_000;
/** A settlement waits for its block. */
const SETTLE_MS_MAX = 20_000;
const ANSWER_BYTES_MAX = 65_536;
const REASON_LENGTH_MAX = 100;

/** `local`, an https URL, or http to this machine: what `X402_FACILITATOR` may be. */
export function isFacilitator(text: string): boolean {
  if (text === 'local') return true;
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === 'https:' || isLoopback(url)) && url.search === '' && url.hash === '';
}

/** Plain http, which only tests and development use. */
export function isLoopback({ protocol, hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return (
    protocol === 'http:' && (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.')))
  );
}

type Answered = { status: number; body: Record<string, unknown> } | { status: null; wasSent: boolean; reason: string };

/** A facilitator over HTTP. @param url its base; redirects are not followed */
export function createHttpFacilitator(
  url: string,
  { verifyMsMax = VERIFY_MS_MAX, settleMsMax = SETTLE_MS_MAX } = {},
): Facilitator {
  const base = url.replace(/\/+$/, '');
  const post = (path: string, call: FacilitatorCall, msMax: number) => ask(`${base}${path}`, call, msMax);
  return {
    verify: async (call) => verifyAnswerOf(await post('/verify', call, verifyMsMax)),
    settle: async (call) => settleAnswerOf(await post('/settle', call, settleMsMax)),
  };
}

async function ask(url: string, call: FacilitatorCall, msMax: number): Promise<Answered> {
  try {
    const { statusCode: status, body } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(call),
      signal: AbortSignal.timeout(msMax),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      // Bytes, as long as no encoding is set.
      const part = chunk as Buffer;
      bytes += part.length;
      // Leaving the loop closes the connection.
      if (bytes > ANSWER_BYTES_MAX) return { status, body: {} };
      chunks.push(part);
    }
    return { status, body: parse(Buffer.concat(chunks).toString('utf8')) };
  } catch (error) {
    const code = codeOf(error);
    return { status: null, wasSent: !NOT_CONNECTED.has(code), reason: code };
  }
}

/** Faults before a connection was there: nothing of the request went out. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'connection_failed';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'name' in error && error.name === 'TimeoutError' ? 'timeout' : 'connection_failed';
}

function parse(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch {
    return {};
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** A reason as a facilitator words it, cut to what a code may be. */
const reasonOf = (value: unknown, otherwise: string): string => {
  const text = textOf(value);
  return text !== null && text.length <= REASON_LENGTH_MAX && /^[\w-]+$/.test(text) ? text : otherwise;
};

function verifyAnswerOf(answered: Answered): VerifyAnswer {
  if (answered.status === null) return { kind: 'unavailable', reason: answered.reason };
  const { status, body } = answered;
  if (status < 300 && body['isValid'] === true) return { kind: 'valid', payer: textOf(body['payer']) };
  // Some say it with a status of their own.
  if (status < 500 && body['isValid'] === false) {
    return { kind: 'invalid', reason: reasonOf(body['invalidReason'], 'unexpected_verify_error') };
  }
  return { kind: 'unavailable', reason: `HTTP ${status}` };
}

const AT_THE_DOOR = new Set([401, 403, 404, 405, 413, 429]);

/** What a facilitator says that does not know itself what became of it. */
const IN_DOUBT = new Set(['unexpected_settle_error', 'settle_pending', 'transaction_pending', 'duplicate_settlement']);

function settleAnswerOf(answered: Answered): SettleAnswer {
  if (answered.status === null) return { kind: answered.wasSent ? 'unknown' : 'unsent', reason: answered.reason };
  const { status, body } = answered;
  const transaction = textOf(body['transaction']);
  if (status < 300 && body['success'] === true && transaction !== null) {
    return { kind: 'settled', transaction, amount: textOf(body['amount']) };
  }
  if (status < 500 && body['success'] === false) {
    const reason = reasonOf(body['errorReason'], 'unexpected_settle_error');
    return { kind: IN_DOUBT.has(reason) ? 'unknown' : 'refused', reason };
  }
  // At its door, or sent elsewhere: it has not looked at the payment.
  if ((status >= 300 && status < 400) || AT_THE_DOOR.has(status)) return { kind: 'unsent', reason: `HTTP ${status}` };
  return { kind: 'unknown', reason: `HTTP ${status}` };
}
