import { renewInMs } from '../model/session-life';

/** A refusal of the api, or the network's (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterS: number | null = null,
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

type Method = 'GET' | 'POST' | 'DELETE';

export interface Api {
  /** @throws ApiError */
  call<T>(method: Method, path: string, body?: object): Promise<T>;
  /** Like `call`, without a session: neither renews it nor ends it. */
  callOpen<T>(method: Method, path: string, body?: object): Promise<T>;
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
  const send: Api['callOpen'] = (method, path, body) => request(deps.fetch, method, path, body);
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

  return {
    callOpen: send,
    renewInMs: renewIn,
    noteSignedIn: () => deps.renewedAt.set(deps.nowMs()),
    async renewWhenDue() {
      if (renewIn() === 0) await renew();
    },
    async call<T>(method: Method, path: string, body?: object): Promise<T> {
      if (renewIn() === 0) await renew();
      try {
        return await send<T>(method, path, body);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        if (error.code === 'OWNER_NOT_FOUND') forget();
        if (error.code === 'OWNER_NOT_FOUND' || !(await renew())) throw error;
        return await send<T>(method, path, body);
      }
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

async function request<T>(fetcher: ApiDeps['fetch'], method: Method, path: string, body?: object): Promise<T> {
  const headers = body === undefined ? undefined : { 'Content-Type': 'application/json' };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetcher(path, { ...init, credentials: 'same-origin' }).catch(() => {
    throw new ApiError(0, 'NETWORK', 'The server cannot be reached');
  });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw toError(response, answer);
  // The one parse point: the server's answers are what the contract says.
  return answer as T;
}

function toError(response: Response, answer: unknown): ApiError {
  const field = (name: string): string | null => {
    const value: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : null;
    return typeof value === 'string' ? value : null;
  };
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  const text = field('message') ?? 'The server did not understand the request';
  return new ApiError(response.status, field('code') ?? 'UNKNOWN', text, Number.isFinite(seconds) ? seconds : null);
}
