import type { ChatMessage, ChatSession, Execution, GatewayKey, NewGatewayKey, OwnChat } from '../model/wire';
import type { Api } from './api';
import { query } from './query';

/** Own chats are read at once: so many, the last active. */
export const OWN_CHATS_MAX = 200;
export const SESSIONS_PAGE = 50;
export const CHAT_MESSAGES_PAGE = 100;
/** Turns of a session whose end is looked at: those that still run, and the last that failed or were stopped. */
const EXECUTIONS_MAX = 50;
/** The longest that the server waits for an answer; the page goes on watching by itself. */
const WAIT_SECONDS = 600;

const agentPath = (handle: string): string => `/api/agents/${encodeURIComponent(handle)}`;

/** What is said: in a session, or in a new one. */
export interface Saying {
  handle: string;
  sessionId: string | null;
  message: string;
  /** The same for every attempt to say the same thing. */
  key: string;
}

/** The owner as a user of the chat gateway (docs/contract/gateway.md §4, §5.3, §9, §12.1). */
export function gatewayCalls(api: Api) {
  const eventStream = { Accept: 'text/event-stream' };
  return {
    ownChats: (handle: string) =>
      api.call<OwnChat[]>('GET', `${agentPath(handle)}/conversations${query({ limit: OWN_CHATS_MAX })}`),
    sessions: (handle: string, cursor?: string) =>
      api.call<{ sessions: ChatSession[]; next_cursor: string | null }>(
        'GET',
        `${agentPath(handle)}/chat/sessions${query({ limit: SESSIONS_PAGE, cursor })}`,
      ),
    chat: (handle: string, sessionId: string, before?: string) =>
      api.call<{ session: ChatSession; messages: ChatMessage[]; has_more: boolean }>(
        'GET',
        `${sessionPath(handle, sessionId)}${query({ limit: CHAT_MESSAGES_PAGE, before })}`,
      ),
    turnsOf: (handle: string, sessionId: string) =>
      api.call<Execution[]>(
        'GET',
        `${agentPath(handle)}/executions${query({ session_id: sessionId, limit: EXECUTIONS_MAX })}`,
      ),
    nameChat: (handle: string, sessionId: string, title: string) =>
      api.call('PUT', `${agentPath(handle)}/conversations/${encodeURIComponent(sessionId)}`, { title }),
    markRead: (handle: string, sessionId: string) =>
      api.call('POST', `${agentPath(handle)}/mark-read`, { conversation_id: sessionId }),
    stopTurn: (handle: string, executionId: string) =>
      api.call('POST', `${executionPath(handle, executionId)}/terminate`, {}),
    say: ({ handle, sessionId, message, key }: Saying, signal: AbortSignal) =>
      api.open('POST', `${agentPath(handle)}/chat/stream`, {
        body: {
          message,
          ...(sessionId === null ? { new_session: true } : { session_id: sessionId }),
          timeout_seconds: WAIT_SECONDS,
          events: 'all',
        },
        headers: { ...eventStream, 'Idempotency-Key': key },
        signal,
      }),
    /** Goes on behind the event that is known. */
    resumeTurn: (handle: string, executionId: string, lastEventId: string | null, signal: AbortSignal) =>
      api.open('GET', `${executionPath(handle, executionId)}/stream`, {
        headers: { ...eventStream, ...(lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }) },
        signal,
      }),
  };
}

const sessionPath = (handle: string, id: string): string =>
  `${agentPath(handle)}/chat/sessions/${encodeURIComponent(id)}`;
const executionPath = (handle: string, id: string): string =>
  `${agentPath(handle)}/executions/${encodeURIComponent(id)}`;

/** Keys of the owner's applications (docs/contract/gateway.md §2). */
export function keyCalls(api: Api) {
  return {
    keys: () => api.call<GatewayKey[]>('GET', '/api/keys'),
    /** @param handle the one agent that it is for; null: all */
    createKey: (name: string, handle: string | null) =>
      api.call<NewGatewayKey>('POST', '/api/keys', handle === null ? { name } : { name, agent_id: handle }),
    revokeKey: (id: string) => api.call('DELETE', `/api/keys/${encodeURIComponent(id)}`),
  };
}
