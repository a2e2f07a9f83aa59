import { renewInMs } from '../model/session-life';

/** A refusal of the api, or the network's (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS: number | null = null,
    /** What is wrong with fields of the request, where the server says it. */
    readonly fields: Readonly<Record<string, readonly string[]>> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Where the page keeps when the session was renewed last, for all tabs. */
export interface Memory {
  get(): number | null;
  set(ms: number | null): void;
}

export interface ApiDeps {
  fetch: (path: string, init: RequestInit) => Promise<Response>;
  nowMs: () => number;
  renewedAt: Memory;
  /** The session is over: only the sign-in page is left. */
  onSignedOut: () => void;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface OpenOptions {
  body?: object;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

export interface Api {
  /** @throws ApiError */
  call<T>(method: Method, path: string, body?: object): Promise<T>;
  /** Like `call`, without a session: neither renews it nor ends it. */
  callOpen<T>(method: Method, path: string, body?: object): Promise<T>;
  /** Like `call`, for an answer that is read as it comes. @throws ApiError */
  open(method: Method, path: string, options?: OpenOptions): Promise<Response>;
  /** In how long the session has to be renewed; null while nobody knows. */
  renewInMs(): number | null;
  /** Renews the session when it is time. Failures but 401 and 403 change nothing: the cookies may still be good. */
  renewWhenDue(): Promise<void>;
  /** Both cookies were just set by a sign-in. */
  noteSignedIn(): void;
}

/**
 * The client of `/dashboard`. Cookies carry the session; a 401 is answered with one renewal and one repeat. Calls that are
 * in flight together share the renewal.
 */
export function createApi(deps: ApiDeps): Api {
  const open: Api['open'] = (method, path, options = {}) => request(deps.fetch, method, path, options);
  const send = <T>(method: Method, path: string, body?: object): Promise<T> =>
    open(method, path, body === undefined ? {} : { body }).then((response) => readJson<T>(response));
  const forget = (): void => {
    deps.renewedAt.set(null);
    deps.onSignedOut();
  };
  const renewIn = (): number | null => renewInMs(deps.renewedAt.get(), deps.nowMs());

  /** True when the session goes on. */
  const renew = shared(async () => {
    try {
      await send('POST', '/dashboard/auth/refresh');
      deps.renewedAt.set(deps.nowMs());
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 403)) return true;
      forget();
      return false;
    }
  });

  /** What `work` answers to a session that is renewed when it is time, and once more when it turns out to be over. */
  const inSession = async <T>(work: () => Promise<T>): Promise<T> => {
    if (renewIn() === 0) await renew();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (error.code === 'OWNER_NOT_FOUND') forget();
      if (error.code === 'OWNER_NOT_FOUND' || !(await renew())) throw error;
      return await work();
    }
  };

  return {
    callOpen: send,
    call: <T>(method: Method, path: string, body?: object) => inSession(() => send<T>(method, path, body)),
    open: (method, path, options) => inSession(() => open(method, path, options)),
    renewInMs: renewIn,
    noteSignedIn: () => deps.renewedAt.set(deps.nowMs()),
    async renewWhenDue() {
      if (renewIn() === 0) await renew();
    },
  };
}

/** `work` for all who ask while it runs. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () =>
    (running ??= work().finally(() => {
      running = null;
    }));
}

/** Says that the page calls: under `/api` its cookie counts with this only (docs/contract/gateway.md §2). */
const PAGE = { 'X-AgentChat-Page': 'owners' };

async function request(
  fetcher: ApiDeps['fetch'],
  method: Method,
  path: string,
  { body, headers, signal }: OpenOptions,
): Promise<Response> {
  const json: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const init = {
    method,
    headers: { ...PAGE, ...json, ...headers },
    credentials: 'same-origin' as const,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  const response = await fetcher(path, init).catch(() => {
    throw new ApiError(0, 'NETWORK', 'The server cannot be reached');
  });
  if (!response.ok) throw toError(response, await response.json().catch(() => null));
  return response;
}

/** The one parse point: the server's answers are what the contract says. */
async function readJson<T>(response: Response): Promise<T> {
  const answer: unknown = await response.json().catch(() => null);
  return answer as T;
}

function toError(response: Response, answer: unknown): ApiError {
  const field = (name: string): string | null => {
    const value = memberOf(answer, name);
    return typeof value === 'string' ? value : null;
  };
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const text = field('message') ?? 'The server did not understand the request';
  const retryAfterS = Number.isFinite(seconds) ? seconds : null;
  return new ApiError(response.status, field('code') ?? 'UNKNOWN', text, retryAfterS, fieldsOf(answer));
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** `details.fieldErrors` of a VALIDATION_ERROR. */
function fieldsOf(answer: unknown): Record<string, string[]> {
  const faults = memberOf(memberOf(answer, 'details'), 'fieldErrors');
  if (typeof faults !== 'object' || faults === null) return {};
  return Object.fromEntries(
    Object.entries(faults).map(([name, texts]: [string, unknown]) => [
      name,
      Array.isArray(texts) ? texts.filter((text) => typeof text === 'string') : [],
    ]),
  );
}
