import type { ApiMiddleware } from '../http/state';
import { isVoicePath } from '../http/voice-paths';

export const SOCKET_PATH = '/v1/ws';
export const DASHBOARD_SOCKET_PATH = '/v1/ws/dashboard';

const PATHS = new Set([SOCKET_PATH, DASHBOARD_SOCKET_PATH]);

/** A plain GET of a socket's path is told how to come in (realtime.md §1). */
export const upgradeRequired: ApiMiddleware = async (ctx, next) => {
  const isSocketPath = PATHS.has(ctx.state.path) || isVoicePath(ctx.state.path);
  if (!isSocketPath || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
  ctx.set('Upgrade', 'websocket');
  ctx.status = 426;
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify({ code: 'VALIDATION_ERROR', message: 'Connect to this path with a WebSocket' });
};
