import { randomUUID } from 'node:crypto';
import type { Database } from '../../store/schema/database';
import { call, type CallAnswer, type Parsed } from './agents';
import { signInOwner, type TestOwner } from './owners';
import { SdkAgent } from './sdk';
import type { Stack } from './stack';

/** A user of the chat gateway, signed in with an access token. */
export interface GatewayUser {
  owner: TestOwner;
  /** A call with the user's token. `node`: which api process, default the first. */
  call(method: string, path: string, options?: GatewayCallOptions): Promise<CallAnswer>;
  /** Says `message` to an agent and waits for the answer as JSON. */
  chat(agent: { handle: string }, message: string, more?: object, node?: number): Promise<CallAnswer>;
  /** The same as a response whose body is read as it comes. */
  stream(path: string, options?: GatewayCallOptions): Promise<Response>;
}

export interface GatewayCallOptions {
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  node?: number;
  signal?: AbortSignal;
  method?: string;
}

export async function signInUser(stack: Stack, owner?: TestOwner): Promise<GatewayUser> {
  const user = owner ?? (await signInOwner(stack));
  const headers = { authorization: `Bearer ${user.accessToken}` };
  return {
    owner: user,
    call: (method, path, { body, node = 0, headers: more } = {}) =>
      call(stack.baseUrls[node] ?? '', method, path, { body, headers: { ...headers, ...more } }),
    chat: ({ handle }, message, more = {}, node = 0) =>
      call(stack.baseUrls[node] ?? '', 'POST', `/api/agents/${handle}/chat`, {
        body: { message, ...more },
        headers: { ...headers, accept: 'application/json' },
      }),
    stream: (path, { body, node = 0, headers: more, signal, method = 'POST' } = {}) =>
      fetch((stack.baseUrls[node] ?? '') + path, {
        method,
        headers: { ...headers, ...more },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }),
  };
}

/** An agent on the published SDK that has never heard of the gateway: it answers whoever writes to it. */
export async function startEcho(
  database: Database,
  url: string,
  textOf: (text: string) => string = (text) => `You said: ${text}`,
): Promise<SdkAgent> {
  const agent = await SdkAgent.create(database, url);
  agent.onMessage(({ sender, content }) =>
    agent.client.sendMessage({
      to: sender,
      content: { text: textOf(content.text ?? '') },
      client_msg_id: randomUUID(),
    }),
  );
  await agent.connect();
  return agent;
}

/** The lines of a stream-json answer. */
export const linesOf = (text: string): Parsed[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Parsed);

/** The records of a stream of server-sent events, but for `[DONE]`. */
export const recordsOf = (text: string): Parsed[] =>
  [...text.matchAll(/^data: (.*)$/gm)]
    .map(([, data = '']) => data)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Parsed);
