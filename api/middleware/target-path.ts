import { AppError } from '../../contract/errors';
import type { ApiMiddleware } from '../http/state';

/** `//v1///ws` as `/v1/ws`: a base URL with a trailing slash still works (realtime.md §1). */
export function collapseSlashes(path: string): string {
  return path.replace(/\/{2,}/g, '/');
}

/** Reads the path once for all that follows. A target that is no URL has an empty path: an unknown route, not a fault. */
export const targetPath: ApiMiddleware = async (ctx, next) => {
  try {
    ctx.state.path = collapseSlashes(ctx.path);
  } catch {
    ctx.state.path = '';
  }
  if (ctx.req.httpVersion === '1.1' && ctx.req.headers.host === undefined) {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The request has no Host header');
  }
  await next();
};
