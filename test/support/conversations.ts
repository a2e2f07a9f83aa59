import type { Database } from '../../store/schema/database';
import { exactly, type Exactly } from './exactly';
import { makeSenders, request, send, type Answer, type Sender } from './traffic';
import { standIn, use } from './use';

/** A row of a list, read loosely. */
export type Row = Record<string, unknown> & { id: string; seq: number };

/** Two agents with an established direct conversation: seq 1 by the first, seq 2 by the second. */
export interface Talk {
  a: Sender;
  b: Sender;
  conversationId: string;
}

export async function startTalk(database: Database, url: string): Promise<Talk> {
  const [a, b] = await makeSenders(database, 2);
  const opener = await send(url, a, b, 'open');
  await send(url, b, a, 'reply');
  return { a, b, conversationId: String(opener.body['conversation_id']) };
}

/** The two of such a conversation, for the tests of the surrounding block. */
export function useTalk(database: Database, url: () => string): Pick<Talk, 'a' | 'b'> {
  const talk = use(() => startTalk(database, url()));
  return { a: standIn(() => talk.a), b: standIn(() => talk.b) };
}

let texts = 0;

/** Sends `count` messages one after the other; returns the message objects. */
export function say<Count extends number = 1>(
  url: string,
  from: Sender,
  to: Sender,
  // The parse point of the default.
  count: Count = 1 as Count,
): Promise<Exactly<Row, Count>> {
  return exactly(count, async () => {
    const answer = await send(url, from, to, `say-${(texts += 1)}`);
    if (answer.status !== 201) throw new Error(`a send answered ${answer.status} ${answer.body.code ?? ''}`);
    // The parse point of message objects in these tests.
    return answer.body as Row;
  });
}

/** Calls of one agent on one api process. */
export function callsOf(url: string, agent: Sender) {
  const rows = async (path: string): Promise<Row[]> => {
    const answer = await request(url + path, agent.key);
    if (!Array.isArray(answer.body)) throw new Error(`${path} answered ${answer.status} ${answer.body.code ?? ''}`);
    return answer.body;
  };
  return {
    history: (conversationId: string, query = '') => rows(`/v1/messages/${conversationId}${query}`),
    sync: (query = '') => rows(`/v1/messages/sync${query}`),
    conversations: (query = '') => rows(`/v1/conversations${query}`),
    ack: (deliveryId: unknown) =>
      request(`${url}/v1/messages/sync/ack`, agent.key, 'POST', { last_delivery_id: deliveryId }),
    read: (messageId: string): Promise<Answer> => request(`${url}/v1/messages/${messageId}/read`, agent.key, 'POST'),
    hide: (messageId: string): Promise<Answer> => request(`${url}/v1/messages/${messageId}`, agent.key, 'DELETE'),
    hideConversation: (conversationId: string): Promise<Answer> =>
      request(`${url}/v1/conversations/${conversationId}`, agent.key, 'DELETE'),
    get: (path: string): Promise<Answer> => request(url + path, agent.key),
  };
}

export const seqsOf = (rows: { seq: number }[]): number[] => rows.map(({ seq }) => seq);
