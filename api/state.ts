import type { DefaultContext, Middleware, ParameterizedContext } from 'koa';
import type { Agent } from '../store/collections/agents';
import type { Route, SignedInOwner } from './route';

/** Everything that middlewares hand on, declared once. */
export interface ApiState {
  requestId: string;
  /** The request's path with doubled slashes collapsed. */
  path: string;
  clientIp: string;
  startedAt: Date;
  route: Route | null;
  /** True: `agent` is remembered from an earlier request and may be outdated. */
  isRecalled: boolean;
  /** Reads the caller anew. @throws AppError UNAUTHORIZED, SUSPENDED */
  lookUpAgent: () => Promise<Agent>;
  params: Record<string, string>;
  agent: Agent | null;
  /** Who is signed in, at endpoints of owners. */
  owner: SignedInOwner | null;
  /** How long the session check took; absent where there is none. */
  authMs?: number;
  /** How long the handler took. */
  workMs?: number;
  /** The body, read once whoever asks. @throws AppError 413 */
  readBytes: () => Promise<Buffer>;
}

export type ApiMiddleware = Middleware<ApiState>;
export type ApiContext = ParameterizedContext<ApiState, DefaultContext>;
