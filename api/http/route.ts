import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Endpoint } from '../../contract/endpoint';
import type { AGENT_LIMITS } from '../../contract/limits';
import type { Logger } from '../../platform/logger';
import type { AccountPrincipal } from '../../store/gateway/principals';
import type { Page } from './pages';
import type { Agent } from '../../store/schema/collections/agents';

/** What a handler gets: the request after the pipeline, already authenticated when its endpoint asks for it. */
export interface RequestContext {
  params: Record<string, string>;
  query: URLSearchParams;
  requestId: string;
  method: string;
  /** As it was called, without the query. */
  path: string;
  /** True only where the endpoint proves its caller: the agent may be outdated, the write has to prove it. */
  isCachedCaller: boolean;
  clientIp: string;
  now: Date;
  /** Who calls the chat gateway; null elsewhere. */
  principal: AccountPrincipal | null;
  /** Does this once the whole answer was written to a caller that is still there. */
  onSent(work: () => void): void;
  /** A signal that is aborted when the caller is gone, or, with the reason `ANSWERED`, has its answer. */
  whenGone(): AbortSignal;
  log: Logger;
  /** Headers of the answer, whatever it will be: a refusal has them, too. */
  setHeaders(headers: Readonly<Record<string, string>>): void;
  /** A request header, empty when absent. */
  header(name: string): string;
  /** The value of a cookie, null when it is absent or empty. */
  cookie(name: string): string | null;
  /** The raw body, within the cap. @throws AppError 413 */
  readBytes(): Promise<Buffer>;
  /** The raw body as it comes in, for endpoints that declare `streamsBody`. */
  streamBody(): Readable;
  /** The body as text, within the cap. @throws AppError 413 */
  readText(): Promise<string>;
  /**
   * The body as a JSON object, parsed once whoever asks: nobody may change it.
   * @throws AppError 400 VALIDATION_ERROR for anything else and for one that is too intricate, 413
   */
  readBody(): Promise<Record<string, unknown>>;
  /** Lets go of a body that may be large, before a long wait: nobody can read it any more. */
  forgetBody(): void;
  /** `value` as `schema` outputs it. @throws AppError 400 VALIDATION_ERROR with formErrors and fieldErrors */
  validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema>;
  /**
   * The reply with a page of messages: `read` makes its JSON when there is room for it in memory.
   * @throws AppError SERVICE_UNAVAILABLE
   */
  answerPage(read: () => Promise<string>): Promise<Reply>;
  /** Counts this call in a window of the calling agent that is checked late (after ownership). @throws AppError RATE_LIMITED */
  countCall(scope: keyof typeof AGENT_LIMITS): Promise<void>;
}

export type AgentContext = RequestContext & { agent: Agent };

/** The owner who is signed in with this request's session. */
export interface SignedInOwner {
  id: string;
  email: string;
  displayName: string | null;
  createdAt: Date;
  sessionId: string;
}

export type OwnerContext = RequestContext & { owner: SignedInOwner };

/** A call of the chat gateway. */
export type GatewayContext = Omit<OwnerContext, 'principal'> & { principal: AccountPrincipal };

export interface Reply {
  status: number;
  /** The write proved that the agent had this key and this status. */
  isProven?: boolean;
  /** Exactly one of the three: an object, text that is JSON already, or a page of messages (`answerPage`). */
  body?: object;
  json?: string;
  page?: Page;
  /** Another type than JSON, for pages and metrics. */
  text?: { type: string; content: string | Buffer };
  /** Bytes of this type and number, sent as they are read. */
  file?: { type: string; bytes: number; content: Readable };
  /**
   * Records of this type, each written as it is yielded; the rest is not asked for when the caller is gone, or has stopped
   * reading.
   */
  stream?: { type: string; records: AsyncIterable<string> };
  /** No body at all. */
  isEmpty?: true;
  headers?: Record<string, string>;
  /** Values of `Set-Cookie`, one header each. */
  cookies?: string[];
}

export interface Route {
  endpoint: Endpoint;
  handle: (ctx: RequestContext, agent: Agent | null, owner: SignedInOwner | null) => Promise<Reply>;
}

/** A route that anybody may call. */
export function publicRoute(endpoint: Endpoint, handle: (ctx: RequestContext) => Promise<Reply>): Route {
  return { endpoint, handle };
}

/** A route for authenticated agents: the pipeline guarantees the agent, the type says so. */
export function agentRoute(endpoint: Endpoint, handle: (ctx: AgentContext) => Promise<Reply>): Route {
  return {
    endpoint,
    handle: (ctx, agent) => {
      if (agent === null) throw new Error(`${endpoint.operationId} was reached without authentication`);
      return handle({ ...ctx, agent });
    },
  };
}

/** A route for owners who are signed in to the dashboard. */
export function ownerRoute(endpoint: Endpoint, handle: (ctx: OwnerContext) => Promise<Reply>): Route {
  return {
    endpoint,
    handle: (ctx, _agent, owner) => {
      if (owner === null) throw new Error(`${endpoint.operationId} was reached without a session`);
      return handle({ ...ctx, owner });
    },
  };
}

/** A route for callers of the chat gateway. */
export function gatewayRoute(endpoint: Endpoint, handle: (ctx: GatewayContext) => Promise<Reply>): Route {
  return ownerRoute(endpoint, (ctx) => {
    const { principal } = ctx;
    if (principal === null) throw new Error(`${endpoint.operationId} was reached by nobody`);
    return handle({ ...ctx, principal });
  });
}
