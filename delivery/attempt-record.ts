import { errorOf, type AttemptOutcome } from '../domain/webhook-attempt';
import type { Exchange } from '../platform/egress/egress';
import type { AttemptRecord, Delivery } from '../store/schema/collections/deliveries';

/** Bounds of what is kept of an answer's headers; the body was cut by whoever read it. */
const HEADERS_MAX = 32;
const NAME_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 512;

/** Digests of every kind that we sign with, as hex or base64; nothing else in our headers is so long. */
const DIGESTS = /[A-Za-z0-9+/]{40,}={0,2}/g;
const REDACTED = '[redacted]';

/** One attempt as it happened. */
export interface Happened {
  attempt: number;
  at: Date;
  durationMs: number;
  outcome: AttemptOutcome;
  /** Null when nothing was sent. */
  exchange: Exchange | null;
  /** What must not be kept, should the receiver have sent it back: its secret and the signatures of this attempt. */
  hidden: string[];
}

/** What the log keeps of an attempt (webhooks.md §11.1): bounded, and without signatures and secrets. */
export function attemptRecord({ attempt, at, durationMs, outcome, exchange, hidden }: Happened): AttemptRecord {
  const answer = exchange?.kind === 'answered' ? exchange : null;
  const hide = (text: string): string => hidden.reduce((shown, part) => shown.replaceAll(part, REDACTED), text);
  return {
    attempt,
    at,
    durationMs,
    status: outcome.kind === 'answered' ? outcome.status : null,
    error: errorOf(outcome),
    headers: Object.entries(answer?.headers ?? {})
      .slice(0, HEADERS_MAX)
      .map(([name, value]) => [name.slice(0, NAME_LENGTH_MAX), hide(value).slice(0, VALUE_LENGTH_MAX)]),
    body: hide(answer?.body ?? ''),
    remoteIp: exchange?.remoteIp ?? null,
  };
}

/** The headers of a request as they are kept: its signatures say when, not what. */
export function withoutSignatures(headers: Record<string, string>): NonNullable<Delivery['sent']> {
  return Object.entries(headers).map(([name, value]) => [
    name,
    isSignature(name) ? value.replace(DIGESTS, REDACTED) : value,
  ]);
}

/** The digests that a request was signed with. */
export function digestsOf(headers: Record<string, string>): string[] {
  const found = Object.entries(headers).flatMap(([name, value]) => (isSignature(name) ? value.match(DIGESTS) : []));
  return [...new Set(found.filter((digest) => digest !== null))];
}

const isSignature = (name: string): boolean => name.endsWith('-signature');
