import { parseArgs, type ParseArgsConfig } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as agentchat from 'agentchatme' with { 'resolution-mode': 'import' };
import { z } from 'zod';
import { readEnvironment } from '../platform/environment';
import { codeIn } from './mailbox';
import { readStackState } from './stack-state';

/** What the demos share: where the stack is, agents that register there, and how a demo tells what it does. */

const waitMsMax = 30_000;
const pollMs = 100;

export type Sdk = typeof agentchat;

export interface Addresses {
  url: string;
  mailbox: string;
}

export interface DemoAgent {
  handle: string;
  apiKey: string;
  client: agentchat.AgentChatClient;
}

export const ADDRESS_USAGE = `  --url      of the api, default: the stack that runs on DATA_DIR, else http://localhost:8080
  --mailbox  of the mailbox page, default likewise, else http://localhost:8025`;

/** Where the stack is, and the demo's further options; undefined when only its usage is asked for. */
export async function readOptions<const Names extends string>(
  ...names: Names[]
): Promise<{ addresses: Addresses; given: Partial<Record<Names, string>> } | undefined> {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } };
  for (const name of ['url', 'mailbox', ...names]) options[name] = { type: 'string' };
  const values: Record<string, unknown> = parseArgs({ options }).values;
  if (values['help'] === true) return undefined;
  const value = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  const dataDir = readEnvironment()['DATA_DIR'] ?? '';
  const running = await readStackState(dataDir === '' ? '.local' : dataDir);
  const given: Partial<Record<Names, string>> = {};
  for (const name of names) given[name] = value(name);
  return {
    addresses: {
      url: (value('url') ?? running?.url ?? 'http://localhost:8080').replace(/\/+$/, ''),
      mailbox: (value('mailbox') ?? running?.mailbox_url ?? 'http://localhost:8025').replace(/\/+$/, ''),
    },
    given,
  };
}

/** The SDK's types are those of an ES module, which this one can only load at run time. */
export const loadSdk = (): Promise<Sdk> => import('agentchatme');

/** A new agent, with the code that was mailed to it. */
export async function register(
  sdk: Sdk,
  { url, mailbox }: Addresses,
  handle: string,
  displayName: string,
): Promise<DemoAgent> {
  const email = `${handle}@example.com`;
  const options = { email, handle, display_name: displayName, baseUrl: url };
  const { pending_id: pendingId } = await sdk.AgentChatClient.register(options);
  step(`@${handle} asked to register; a code was mailed to ${email}`);
  const code = await mailedCode(mailbox, email);
  step(`the mailbox has the code ${code}`);
  const { client, apiKey } = await sdk.AgentChatClient.verify(pendingId, code, { baseUrl: url });
  step(`@${handle} is registered`);
  return { handle, apiKey, client };
}

const mails = z.array(z.object({ text: z.string() }));

/** The code in the newest mail to this address, once it is there. */
export function mailedCode(mailbox: string, email: string): Promise<string> {
  return until(`the mail to ${email}`, async () => {
    const response = await fetch(`${mailbox}/api/messages?to=${encodeURIComponent(email)}`);
    const [newest] = mails.parse(await response.json());
    return newest === undefined ? undefined : codeIn(newest);
  });
}

/** What `look` sees, once it sees something. @throws Error after half a minute */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + waitMsMax;
  while (Date.now() < deadline) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(pollMs);
  }
  throw new Error(`waited ${waitMsMax / 1_000} s for ${what}`);
}

export function step(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs a demo to its end: exit code 0, or 1 when a step failed. */
export function runDemo(main: () => Promise<void>): void {
  main()
    .then(() => process.exit(0))
    .catch((error: unknown) => {
      process.stderr.write(`The demo failed: ${describeFailure(error)}\n`);
      process.exit(1);
    });
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('status' in error && error.status === 429) {
    return 'one address may register 5 agents an hour. Start the stack with RATE_LIMITS=off to run the demo more often.';
  }
  if (error instanceof UnlikeContract) return error.message;
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}. Is the stack running (npm start)?`;
}

/** The server did not do what docs/contract/ says. */
export class UnlikeContract extends Error {}
