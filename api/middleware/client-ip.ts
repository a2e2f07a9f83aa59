import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ApiMiddleware } from '../http/state';

export interface ClientIpOptions {
  /** Lowercase name of the edge proxy's own header. */
  trustedHeader?: string;
  /** Behind a proxy of ours: the right-most `X-Forwarded-For` entry is what it saw. */
  trustProxy: boolean;
}

/**
 * The address that limits count (conventions.md §10); never the left-most entry, which the caller writes. A header
 * without an address in it counts as absent: whatever its sender meant, it must not name a window of its own.
 */
export function clientIpOf(request: IncomingMessage, options: ClientIpOptions): string {
  const trusted = options.trustedHeader === undefined ? undefined : headerOf(request, options.trustedHeader);
  const forwarded = options.trustProxy ? headerOf(request, 'x-forwarded-for')?.split(',').at(-1) : undefined;
  return addressIn(trusted) ?? addressIn(forwarded) ?? addressIn(request.socket.remoteAddress) ?? 'unknown';
}

/** One spelling per address: without port, zone and brackets, lowercase, IPv4 also where it came in as IPv6. */
function addressIn(text: string | undefined): string | null {
  const bare = text
    ?.trim()
    .toLowerCase()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=[\d.]+$)/, '');
  if (bare === undefined) return null;
  if (isIP(bare) === 4) return bare;
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : null;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

export function clientIp(options: ClientIpOptions): ApiMiddleware {
  return async (ctx, next) => {
    ctx.state.clientIp = clientIpOf(ctx.req, options);
    await next();
  };
}
