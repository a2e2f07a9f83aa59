import { readEvents, type TurnEvent } from './event-reader';

/** What the page is told of a link before the first message (gateway.md §6.2). */
export interface LinkState {
  valid: boolean;
  require_email: boolean;
  agent_available: boolean;
  agent_display_name: string | null;
  agent_description: string | null;
  welcome: string | null;
}

export interface Said {
  role: 'user' | 'assistant';
  content: string;
}

export type TurnStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** What a visitor calls with; all that is kept of a chat in the browser. */
export interface Kept {
  session_id?: string;
  session_token?: string;
  /** The turn whose answer was not seen yet. */
  execution_id?: string;
}

/** A refusal of the api, or `OFFLINE` where there was no answer. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(code);
  }
}

/** A turn that began: its answer comes as events. */
export interface OpenTurn {
  executionId: string;
  sessionId: string;
  events: AsyncGenerator<TurnEvent>;
}

/** The calls of one share link. */
export class LinkClient {
  constructor(private readonly token: string) {}

  state(): Promise<LinkState> {
    return this.json<LinkState>('GET', `link/${this.token}`);
  }

  async history(kept: Kept): Promise<Said[]> {
    const { messages } = await this.json<{ messages: Said[] }>('GET', `history/${this.token}${queryOf(kept)}`);
    return messages;
  }

  /** @param key the same for every attempt to say the same thing */
  async say(message: string, kept: Kept, key: string): Promise<OpenTurn> {
    const { session_id, session_token } = kept;
    const body = { message, session_id, session_token, stream: true };
    const response = await this.call('POST', `chat/${this.token}`, body, { 'Idempotency-Key': key });
    return {
      executionId: response.headers.get('x-execution-id') ?? '',
      sessionId: response.headers.get('x-session-id') ?? '',
      events: readEvents(response),
    };
  }

  /** The events of a turn behind the one that was seen last. */
  async resume(executionId: string, kept: Kept, after: number): Promise<AsyncGenerator<TurnEvent>> {
    const path = `executions/${this.token}/${executionId}/stream${queryOf(kept, `after=${after}`)}`;
    return readEvents(await this.call('GET', path));
  }

  async statusOf(executionId: string, kept: Kept): Promise<TurnStatus> {
    const path = `executions/${this.token}/${executionId}/status${queryOf(kept)}`;
    return (await this.json<{ status: TurnStatus }>('GET', path)).status;
  }

  async stop(executionId: string, kept: Kept): Promise<void> {
    await this.call('POST', `executions/${this.token}/${executionId}/terminate`, {
      session_id: kept.session_id,
      session_token: kept.session_token,
    });
  }

  /** Ends the session. @returns the id of the next one */
  async restart(kept: Kept): Promise<string> {
    const path = `session/${this.token}${queryOf(kept)}`;
    return (await this.json<{ new_session_id: string }>('DELETE', path)).new_session_id;
  }

  async requestCode(email: string): Promise<void> {
    await this.call('POST', 'verify/request', { token: this.token, email });
  }

  async confirmCode(email: string, code: string): Promise<string> {
    const body = { token: this.token, email, code };
    return (await this.json<{ session_token: string }>('POST', 'verify/confirm', body)).session_token;
  }

  private async json<T>(method: string, path: string, body?: object): Promise<T> {
    // The parse point of answers of our own api.
    return (await (await this.call(method, path, body)).json()) as T;
  }

  private async call(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const json = { 'Content-Type': 'application/json' };
    const response = await fetch(`/api/public/${path}`, {
      method,
      cache: 'no-store',
      credentials: 'omit',
      ...(body === undefined ? { headers } : { body: JSON.stringify(body), headers: { ...json, ...headers } }),
    }).catch(() => {
      throw new Refusal('OFFLINE');
    });
    if (response.ok) return response;
    const { code = 'INTERNAL_ERROR' } = (await response.json().catch(() => ({}))) as { code?: string };
    const seconds = Number(response.headers.get('retry-after'));
    throw new Refusal(code, seconds > 0 ? seconds : null);
  }
}

function queryOf({ session_id: id, session_token: token }: Kept, more = ''): string {
  const query = new URLSearchParams(more);
  if (id !== undefined) query.set('session_id', id);
  if (token !== undefined) query.set('session_token', token);
  return query.size === 0 ? '' : `?${query.toString()}`;
}
