import { call, type CallAnswer, type Parsed } from './agents';
import { signInUser, type GatewayUser } from './gateway';
import { claim } from './owners';
import type { SdkAgent } from './sdk';
import type { Stack } from './stack';

/** A share link as its owner was told of it. */
export interface TestLink {
  id: string;
  token: string;
  owner: GatewayUser;
  /** Path of the owner's calls about it. */
  path: string;
}

/** An owner who has claimed this agent. */
export async function ownerOf(stack: Stack, agent: Pick<SdkAgent, 'account'>): Promise<GatewayUser> {
  const owner = await signInUser(stack);
  await claim(owner.owner, agent.account);
  return owner;
}

/** A new link of an agent that `owner` has claimed. */
export async function newLink(
  owner: GatewayUser,
  { handle }: { handle: string },
  terms: object = {},
): Promise<TestLink> {
  const path = `/api/agents/${handle}/public-links`;
  const { status, body, text } = await owner.call('POST', path, { body: terms });
  if (status !== 201) throw new Error(`no link: ${status} ${text}`);
  return { id: body.id, token: body.token, owner, path: `${path}/${body.id}` };
}

export interface VisitorCallOptions {
  body?: unknown;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

/** Calls of visitors: no header says who they are. */
export function visitorCalls(url: (node?: number) => string) {
  const at = (method: string, path: string, { body, query, headers = {} }: VisitorCallOptions = {}, node = 0) => {
    const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`;
    return call(url(node), method, `/api/public/${path}${search}`, { body, headers });
  };
  return {
    at,
    /** Says something and waits for the answer. */
    say: (token: string, message: string, more: object = {}, node = 0): Promise<CallAnswer> =>
      at('POST', `chat/${token}`, { body: { message, ...more } }, node),
    history: async (token: string, query: Readonly<Record<string, string>> = {}): Promise<Parsed> =>
      (await at('GET', `history/${token}`, { query })).body,
    status: (token: string, executionId: string, query: Readonly<Record<string, string>> = {}) =>
      at('GET', `executions/${token}/${executionId}/status`, { query }),
    terminate: (token: string, executionId: string, body: object = {}) =>
      at('POST', `executions/${token}/${executionId}/terminate`, { body }),
    link: async (token: string): Promise<Parsed> => (await at('GET', `link/${token}`)).body,
    clear: (token: string, query: Readonly<Record<string, string>> = {}) => at('DELETE', `session/${token}`, { query }),
  };
}

/** What one call of each kind answers that names this token; verification in its two steps. */
export async function answersTo(url: (node?: number) => string, token: string): Promise<CallAnswer[]> {
  const { at } = visitorCalls(url);
  const session = { session_id: 'AAAAAAAAAAAAAAAAAAAAAA' };
  const email = 'visitor@example.com';
  return [
    await at('POST', `chat/${token}`, { body: { message: 'Hi' } }),
    await at('POST', `chat/${token}`, { body: { message: 'Hi', stream: true, ...session } }),
    await at('POST', `chat/${token}`, { body: { message: 'Hi', async_mode: true } }),
    await at('GET', `history/${token}`, { query: session }),
    await at('GET', `executions/${token}/exe_V0h1uE3qXn8JcR5s/status`, { query: session }),
    await at('GET', `executions/${token}/exe_V0h1uE3qXn8JcR5s/stream`, { query: session }),
    await at('POST', `executions/${token}/exe_V0h1uE3qXn8JcR5s/terminate`, { body: session }),
    await at('DELETE', `session/${token}`, { query: session }),
    await at('POST', 'verify/request', { body: { token, email } }),
    await at('POST', 'verify/confirm', { body: { token, email, code: '123456' } }),
  ];
}
