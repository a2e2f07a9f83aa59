import { randomUUID } from 'node:crypto';
import { REQUEST_ID_LENGTH_MAX } from '../../contract/limits';
import type { ApiMiddleware } from '../http/state';

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** The caller's request id when it is 1 to 128 visible ASCII characters, else a fresh one (conventions.md §5). */
export function requestIdOf(header: string | undefined): string {
  const isUsable = header !== undefined && header.length <= REQUEST_ID_LENGTH_MAX && VISIBLE_ASCII.test(header);
  return isUsable ? header : randomUUID();
}

/** First of the pipeline: every response carries the id, errors and unknown routes included. */
export const requestId: ApiMiddleware = async (ctx, next) => {
  ctx.state.requestId = requestIdOf(ctx.get('x-request-id') || undefined);
  ctx.set('X-Request-Id', ctx.state.requestId);
  await next();
};
