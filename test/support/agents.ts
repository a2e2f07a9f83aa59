import { randomBytes } from 'node:crypto';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { createAgent } from '../../store/accounts/create-agent';
import { hashApiKey, newApiKey, newId } from '../../platform/ids';
import { exactly, type Exactly } from './exactly';

/** An agent with its plain key. */
export interface TestAgent {
  agent: Agent;
  apiKey: string;
}

/** Makes an active agent through the store; handle and email are unique unless given. */
export async function createTestAgent(
  database: Database,
  options: { handle?: string; isSystem?: boolean } = {},
): Promise<TestAgent> {
  const apiKey = newApiKey();
  const handle = options.handle ?? `agent-${randomBytes(6).toString('hex')}`;
  const agent = await createAgent(
    database,
    {
      id: newId('agent'),
      handle,
      email: `${handle}-${randomBytes(4).toString('hex')}@example.com`,
      apiKeyHash: hashApiKey(apiKey),
      displayName: null,
      description: null,
      isSystem: options.isSystem ?? false,
      createdAt: new Date(),
    },
    { live: 1, lifetime: 3 },
  );
  return { agent, apiKey };
}

/** Makes so many active agents. */
export function createTestAgents<Count extends number>(
  database: Database,
  count: Count,
): Promise<Exactly<TestAgent, Count>> {
  return exactly(count, () => createTestAgent(database));
}

/** A JSON value, read loosely: a missing property is undefined. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the parse point of answers in tests
export type Parsed = any;

export interface CallOptions {
  key?: string;
  /** A string or bytes go out as they are, anything else as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

export interface CallAnswer {
  status: number;
  headers: Headers;
  body: Parsed;
  text: string;
}

/** One HTTP call. A body that is not JSON leaves `body` undefined. */
export async function call(
  baseUrl: string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<CallAnswer> {
  const { key, body } = options;
  const response = await fetch(baseUrl + path, {
    method,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...options.headers },
    body: isRaw(body) ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parse(text), text };
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> | undefined {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

function parse(text: string): Parsed {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
