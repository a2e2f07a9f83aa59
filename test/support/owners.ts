import { randomBytes } from 'node:crypto';
import { createAccessTokens } from '../../platform/access-tokens';
import { parseConfig } from '../../platform/config';
import { newId } from '../../platform/ids';
import { createRefreshTokens, hashRefreshToken } from '../../platform/refresh-tokens';
import { openDatabase, type Database } from '../../store/schema/database';
import { signIn } from '../../store/owners/sign-in';
import { call, type CallAnswer, type TestAgent } from './agents';
import type { Stack } from './stack';

/** What owners need of a stack: any part of one that has an api. */
export type OwnersStack = Pick<Stack, 'baseUrls' | 'mongoUri' | 'dbName' | 'secretKeys'>;

export interface OwnerCallOptions {
  /** Sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Which api process, in the order of their start; default the first. */
  node?: number;
}

/** A browser that is signed in to the dashboard. */
export interface TestOwner {
  id: string;
  email: string;
  sessionId: string;
  /** The access token that its cookie holds, as callers of the gateway send it. */
  accessToken: string;
  /** Value of its `Cookie` header; changes when an answer sets cookies. */
  cookies: string;
  call(method: string, path: string, options?: OwnerCallOptions): Promise<CallAnswer>;
}

/** Signs an owner in through the store, as a verified code does; the mailed code itself is tested elsewhere. */
export async function signInOwner(stack: OwnersStack, email = newEmail()): Promise<TestOwner> {
  const database = openDatabase({ uri: stack.mongoUri, name: stack.dbName, poolSize: 2 });
  try {
    return await signInThrough(database, stack, email);
  } finally {
    await database.client.close();
  }
}

async function signInThrough(database: Database, stack: OwnersStack, email: string): Promise<TestOwner> {
  const { SECRET_KEYS: secretKeys } = parseConfig({ SECRET_KEYS: stack.secretKeys });
  const accessTokens = createAccessTokens(secretKeys);
  const refresh = createRefreshTokens(secretKeys).first();
  const at = new Date();
  const sessionId = newId('ownerSession');
  const owner = await signIn(database, { email, sessionId, tokenHash: hashRefreshToken(refresh), at });
  const access = accessTokens.issue({ ownerId: owner._id, sessionId }, at, accessTokens.keyId) ?? '';
  return browser(stack, { id: owner._id, email, sessionId }, { access, refresh });
}

/** A browser that holds these tokens. */
function browser(
  stack: OwnersStack,
  who: Pick<TestOwner, 'id' | 'email' | 'sessionId'>,
  tokens: { access: string; refresh: string },
): TestOwner {
  const owner: TestOwner = {
    ...who,
    accessToken: tokens.access,
    cookies: `ac_dashboard_session=${tokens.access}; ac_dashboard_refresh=${tokens.refresh}`,
    call: async (method, path, { body, headers, node = 0 } = {}) => {
      const answer = await callAs(stack.baseUrls[node] ?? '', method, path, { body, headers, cookies: owner.cookies });
      owner.cookies = afterSetCookie(owner.cookies, answer.headers.getSetCookie());
      return answer;
    },
  };
  return owner;
}

/** One call with cookies; a body goes out as JSON with its type. */
export function callAs(
  baseUrl: string,
  method: string,
  path: string,
  { body, headers, cookies }: Omit<OwnerCallOptions, 'node'> & { cookies?: string },
): Promise<CallAnswer> {
  return call(baseUrl, method, path, {
    body,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(cookies === undefined ? {} : { cookie: cookies }),
      ...headers,
    },
  });
}

/** The `Cookie` header that a browser sends after these `Set-Cookie` headers. */
export function afterSetCookie(cookies: string, set: string[]): string {
  const jar = new Map(cookies.split('; ').flatMap((pair) => (pair === '' ? [] : [splitPair(pair)])));
  for (const line of set) {
    const [name, value] = splitPair(line.split(';')[0] ?? '');
    if (/;\s*Max-Age=0(;|$)/i.test(line)) jar.delete(name);
    else jar.set(name, value);
  }
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** Claims the agent for the owner, as pasting its key does. */
export async function claim(owner: TestOwner, { apiKey }: Pick<TestAgent, 'apiKey'>): Promise<CallAnswer> {
  const answer = await owner.call('POST', '/dashboard/agents/claim', { body: { api_key: apiKey } });
  if (answer.status !== 201) throw new Error(`not claimed: ${answer.status} ${answer.text}`);
  return answer;
}

const newEmail = (): string => `owner-${randomBytes(6).toString('hex')}@example.com`;
