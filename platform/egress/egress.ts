import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { faultOf } from './faults';
import { createPools } from './pools';
import { addressesOf, type Resolve } from './resolve';

/** webhooks.md §7: for the whole exchange up to the headers of the answer. */
export const EXCHANGE_MS_MAX = 10_000;
/** webhooks.md §3. */
const BODY_BYTES_MAX = 65_536;
/** webhooks.md §11.1: what is kept of the body of an answer. */
const KEPT_BYTES_MAX = 4_096;
/** How long the body of an answer is read for before its connection is dropped; nothing depends on it. */
const BODY_MS_MAX = 2_000;

export interface EgressOptions {
  resolve: Resolve;
  /** True for addresses that must not be talked to. */
  isForbidden: (address: string) => boolean;
  /** Development: plain http is sent too. */
  allowHttp: boolean;
  timeoutMs?: number;
  /** Certificates to trust instead of the system's. */
  ca?: string;
}

/**
 * How an exchange ended. `error` is a short fixed text that quotes nothing of the receiver; headers and the beginning of
 * the body are the receiver's own. `remoteIp` is the address that was tried, absent when there was none.
 */
export type Exchange =
  | {
      kind: 'answered';
      status: number;
      retryAfter: string | undefined;
      error: string;
      headers: Record<string, string>;
      body: string;
      remoteIp?: string;
    }
  | { kind: 'fault'; error: string; remoteIp?: string };

export interface Egress {
  /**
   * One POST to a stranger's URL: resolves its name once, refuses forbidden addresses, connects to what was checked, and
   * follows no redirect. Every fault is an answer; it never throws.
   */
  post(url: string, request: { headers: Record<string, string>; body: Buffer }): Promise<Exchange>;
  /** Cuts exchanges that are still open. */
  close(): Promise<void>;
}

/** The one door through which requests to strangers leave. */
export function createEgress({
  resolve,
  isForbidden,
  allowHttp,
  timeoutMs = EXCHANGE_MS_MAX,
  ca,
}: EgressOptions): Egress {
  const pools = createPools({ timeoutMs, ...(ca === undefined ? {} : { ca }) });

  async function exchange(
    target: URL,
    request: { headers: Record<string, string>; body: Buffer },
    { signal, peer }: { signal: AbortSignal; peer: { remoteIp?: string } },
  ) {
    const addresses = await abortable(addressesOf(target, resolve), signal);
    const [address] = addresses;
    if (address === undefined) return { kind: 'fault', error: 'dns_failure' } as const;
    // Partly forbidden is forbidden: the next resolution may pick the other one.
    if (addresses.some(isForbidden)) return { kind: 'fault', error: 'blocked_address' } as const;
    peer.remoteIp = address;
    const path = `${target.pathname}${target.search}`;
    return pools.of(target, address).request({ method: 'POST', path, ...request, signal });
  }

  return {
    async post(url, request) {
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), timeoutMs);
      const peer: { remoteIp?: string } = {};
      try {
        const target = new URL(url);
        if (target.protocol !== 'https:' && !allowHttp) return { kind: 'fault', error: 'https_required' };
        const answer = await exchange(target, request, { signal: stop.signal, peer });
        if ('kind' in answer) return answer;
        clearTimeout(timer);
        return { ...(await answered(answer)), ...peer };
      } catch (error) {
        return { kind: 'fault', error: stop.signal.aborted ? 'timeout' : faultOf(error), ...peer };
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => pools.close(),
  };
}

type Answer = Dispatcher.ResponseData;

async function answered({
  statusCode: status,
  headers,
  body,
}: Answer): Promise<Extract<Exchange, { kind: 'answered' }>> {
  const given = headers['retry-after'];
  return {
    kind: 'answered',
    status,
    retryAfter: typeof given === 'string' ? given : undefined,
    error: textOf(status),
    headers: inOneLineEach(headers),
    body: await readBeginning(body),
  };
}

/** `HTTP 503 Service Unavailable`: by our own table, not by what the receiver wrote. */
const textOf = (status: number): string => `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();

/** A header that came several times is one line, as in RFC 9110 §5.3. */
function inOneLineEach(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = '']) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

/**
 * Reads a little, so that a connection can be used again; over the limits the connection goes. Of what was read the
 * beginning is kept, as text.
 */
async function readBeginning(body: Readable): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), BODY_MS_MAX);
  try {
    for await (const chunk of body) {
      const piece = chunk as Buffer;
      if (bytes < KEPT_BYTES_MAX) kept.push(piece.subarray(0, KEPT_BYTES_MAX - bytes));
      bytes += piece.length;
      // Leaving the loop destroys the body and with it the connection.
      if (bytes > BODY_BYTES_MAX) break;
    }
  } catch {
    // The answer counts by its status; what became of its body does not matter.
  } finally {
    clearTimeout(timer);
  }
  // `stream`: a character that the cut went through is left out.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(kept), { stream: true });
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    work.then(resolve, reject);
  });
}
