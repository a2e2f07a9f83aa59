import { isIPv6, type LookupFunction } from 'node:net';
import { Pool } from 'undici';
import { BoundedMap } from '../bounded-map';

/** Endpoints whose connections are kept; the one that was not used for the longest time goes first. */
const POOLS_MAX = 512;
/** Of one endpoint: as many as it may have attempts (webhooks.md G7). */
const CONNECTIONS_MAX = 10;
/** Idle connections end before those receivers would close them that say nothing about it. */
const IDLE_MS = 2_000;
const HEADER_BYTES_MAX = 16_384;

export interface PoolOptions {
  timeoutMs: number;
  /** Certificates to trust instead of the system's. */
  ca?: string;
}

/**
 * Connections to addresses that were checked. A pool belongs to one origin at one address and connects there, whatever
 * the name says by then; the TLS name is the host of the URL.
 */
export function createPools(options: PoolOptions) {
  const pools = new BoundedMap<string, Pool>(POOLS_MAX, (old) => void old.close().catch(() => undefined));
  return {
    of({ origin }: URL, address: string): Pool {
      const key = `${origin}|${address}`;
      const pool = pools.get(key) ?? openPool(origin, address, options);
      // Set again, so that the one whose use lies back longest is the oldest.
      pools.set(key, pool);
      return pool;
    },

    /** Cuts what is still open. */
    async close(): Promise<void> {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy().catch(() => undefined)));
    },
  };
}

function openPool(origin: string, address: string, { timeoutMs, ca }: PoolOptions): Pool {
  return new Pool(origin, {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: HEADER_BYTES_MAX,
    connect: { timeout: timeoutMs, lookup: lookupOf(address), ...(ca === undefined ? {} : { ca }) },
  });
}

/** What the socket asks instead of a name server: the checked address, always. */
function lookupOf(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4;
  return (_host, options, callback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}
