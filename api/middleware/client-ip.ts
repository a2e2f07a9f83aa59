import type { IncomingMessage } from 'node:http';
import type { ApiMiddleware } from '../state';

export interface ClientIpOptions {
  /** Lowercase name of the edge proxy's own header. */
  trustedHeader?: string;
  /** Behind a proxy of ours: the right-most `X-Forwarded-For` entry is what it saw. */
  trustProxy: boolean;
}

/** The address that limits count (conventions.md §10); never the left-most entry, which the caller writes. */
export function clientIpOf(request: IncomingMessage, options: ClientIpOptions): string {
  const trusted = options.trustedHeader === undefined ? undefined : headerOf(request, options.trustedHeader);
  if (trusted !== undefined && trusted.trim() !== '') return trusted.trim();
  const forwarded = options.trustProxy ? headerOf(request, 'x-forwarded-for') : undefined;
  const rightMost = forwarded?.split(',').at(-1)?.trim();
  return rightMost !== undefined && rightMost !== '' ? rightMost : (request.socket.remoteAddress ?? 'unknown');
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
