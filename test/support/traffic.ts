import { openDatabase, type Database } from '../../store/schema/database';
import { createAgent } from '../../store/accounts/create-agent';
import { hashApiKey, newApiKey, newId } from '../../platform/ids';
import { exactly, type Exactly } from './exactly';
import type { Stack } from './stack';

/** An agent with its plain key, for load. */
export interface Sender {
  id: string;
  handle: string;
  key: string;
}

/** The store of a stack, seen from the test process. */
export function openStackDatabase(stack: Pick<Stack, 'mongoUri' | 'dbName'>): Database {
  return openDatabase({ uri: stack.mongoUri, name: stack.dbName });
}

let made = 0;

/** Makes agents through the store: registrations are tested elsewhere. */
export function makeSenders<Count extends number>(database: Database, count: Count): Promise<Exactly<Sender, Count>> {
  return exactly(count, async () => {
    const key = newApiKey();
    const handle = `load-${process.pid}-${(made += 1)}`;
    const agent = await createAgent(
      database,
      {
        id: newId('agent'),
        handle,
        email: `${handle}@example.com`,
        apiKeyHash: hashApiKey(key),
        displayName: null,
        description: null,
        createdAt: new Date(),
      },
      { live: 1, lifetime: 3 },
    );
    return { id: agent._id, handle, key };
  });
}

export interface Answer {
  status: number;
  body: { id?: string; seq?: number; code?: string; acked?: number } & Record<string, unknown>;
}

/** One call with JSON in and out; a connection that breaks throws. */
export async function request(url: string, key: string, method = 'GET', body?: unknown): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  // The parse point of answers in these tests.
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** Sends one text. */
export function send(
  baseUrl: string,
  from: Sender,
  to: Sender,
  clientMsgId: string,
  text = `text of ${clientMsgId}`,
): Promise<Answer> {
  return request(`${baseUrl}/v1/messages`, from.key, 'POST', {
    to: to.handle,
    client_msg_id: clientMsgId,
    content: { text },
  });
}

/** Syncs and acks once; returns the messages of the page. */
export async function drainOnce(
  baseUrl: string,
  agent: Sender,
): Promise<{ id: string; seq: number; conversation_id: string }[]> {
  const page = await request(`${baseUrl}/v1/messages/sync?limit=100`, agent.key);
  if (!Array.isArray(page.body)) throw new Error(`sync answered ${page.status}`);
  const last: unknown = page.body.at(-1)?.delivery_id;
  if (last !== undefined)
    await request(`${baseUrl}/v1/messages/sync/ack`, agent.key, 'POST', { last_delivery_id: last });
  return page.body;
}
