import type { DefaultContext, Middleware, ParameterizedContext } from 'koa';
import type { Agent } from '../../store/schema/collections/agents';
import type { Endpoint } from '../../contract/endpoint';
import type { AccountPrincipal } from '../../store/gateway/principals';
import type { SignedInOwner } from './route';

/** Everything that middlewares hand on, declared once. */
export interface ApiState {
  requestId: string;
  /** The request's path with doubled slashes collapsed. */
  path: string;
  clientIp: string;
  /** What is called; absent while no route was found. */
  endpoint?: Endpoint;
  params: Record<string, string>;
  agent: Agent | null;
  /** True: `agent` is from an earlier request and may be outdated. */
  isCachedCaller: boolean;
  /** Reads the caller anew. @throws AppError UNAUTHORIZED, SUSPENDED */
  loadAgent: () => Promise<Agent>;
  /** Who is signed in, at endpoints of owners and of the chat gateway. */
  owner: SignedInOwner | null;
  /** Who calls the chat gateway, at its endpoints. */
  principal?: AccountPrincipal;
  /** How long the session check took; absent where there is none. */
  authMs?: number;
  /** How long the handler took. */
  workMs?: number;
  /** The body, read once whoever asks. @throws AppError 413 */
  readBytes: () => Promise<Buffer>;
  /** The body's bytes are not needed any more. */
  forgetBody: () => void;
}

export type ApiMiddleware = Middleware<ApiState>;
export type ApiContext = ParameterizedContext<ApiState, DefaultContext>;
