import type { z } from 'zod';
import type { ErrorCode } from './codes';
import type { ADDRESS_LIMITS, AGENT_LIMITS, OWNER_LIMITS } from './limits';

/**
 * Who may call: anybody (the header is ignored), anybody or an agent (a header that is there must hold), an agent that is
 * not suspended, any agent that is not deleted, an owner with a session of the dashboard, or whoever the chat gateway
 * knows by a bearer token (gateway.md §2).
 */
export type EndpointAuth = 'none' | 'optional' | 'agent' | 'any-status' | 'owner' | 'principal';

export interface EndpointResponse {
  description: string;
  /** Absent: no body. */
  schema?: z.ZodType;
  /** Default `application/json`. */
  mediaType?: string;
  /** Further media types that the caller may ask for: streams, whose records have no schema. */
  streams?: readonly string[];
}

/** One endpoint of the wire: what the router serves and what the OpenAPI document says come from the same object. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Literal segments and `:name` parameters, e.g. `/v1/messages/:id/read`; `*` at the end is everything below. */
  path: string;
  operationId: string;
  summary: string;
  tag: string;
  auth: EndpointAuth;
  /** The write itself proves the caller's key and status, so a caller known from before needs no look-up first. */
  provesCaller?: boolean;
  /** The window of conventions.md §10 that counts calls per client address; of anonymous callers with `agentLimits`. */
  addressLimit?: keyof typeof ADDRESS_LIMITS;
  /** Names a share link's token: counted in the windows of the public chat, messages in more of them (gateway.md §6.2). */
  publicChat?: 'look-up' | 'message';
  /** The windows that count each call of an agent before anything of the request is looked at. */
  agentLimits?: readonly (keyof typeof AGENT_LIMITS)[];
  /** The windows that count each call of an owner, beside the one of all its calls. */
  ownerLimits?: readonly (keyof typeof OWNER_LIMITS)[];
  /** What an oversize body is called: conventions.md D-8. */
  bodyCode?: 'PAYLOAD_TOO_LARGE' | 'CONTENT_TOO_LARGE';
  /** At most this many bytes; absent = the cap of JSON bodies. */
  bodyBytesMax?: number;
  /** How long the body may take to come in; absent = by its cap (`bodyMsMax` of request-limits.ts). */
  bodyMsMax?: number;
  /** The handler reads the body as a stream and keeps the bounds itself. */
  streamsBody?: true;
  /** `Idempotency-Key` is ignored: conventions.md §8 lists which. */
  ignoresIdempotencyKey?: true;
  /** `bytes`: the media type of a body that is not JSON. */
  request?: { body?: z.ZodType; query?: z.ZodType; bytes?: string };
  responses: Record<number, EndpointResponse>;
  /** Codes of its own; those of the pipeline are added by the document (openapi-errors.ts). */
  errors: ErrorCode[];
  /** Served, but not part of the public surface. */
  isInternal?: boolean;
  /** Begins a turn of the chat gateway, one of a team of it, or a talk: each has a window of its own (gateway.md §13). */
  startsTurn?: true | 'team' | 'voice';
  /** Has an answer of its own while the database is out of reach; all others are 503 then. */
  answersInOutage?: boolean;
}
