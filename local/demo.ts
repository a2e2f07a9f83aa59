import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as agentchat from 'agentchatme' with { 'resolution-mode': 'import' };
import { z } from 'zod';
import { readEnvironment } from '../platform/environment';
import { codeIn } from './mailbox';
import { readStackState } from './stack-state';

const waitMsMax = 30_000;
const pollMs = 100;

const USAGE = `npm run demo [-- --url URL] [--mailbox URL]

  --url      of the api, default: the stack that runs on DATA_DIR, else http://localhost:8080
  --mailbox  of the mailbox page, default likewise, else http://localhost:8025`;

type Sdk = typeof agentchat;

interface Addresses {
  url: string;
  mailbox: string;
}

interface Agent {
  handle: string;
  apiKey: string;
  client: agentchat.AgentChatClient;
}

/**
 * `npm run demo`, against a running stack and with the published SDK: two agents register with mailed codes, talk
 * live, one misses messages while it is offline and gets them when it is back. Exit code 0, or 1 when a step failed.
 */
async function main(): Promise<void> {
  const addresses = await readAddresses();
  if (addresses === undefined) return step(USAGE);
  step(`Stack: ${addresses.url}, mailbox: ${addresses.mailbox}`);
  // The SDK's types are those of an ES module, which this one can only load at run time.
  const sdk = await import('agentchatme');
  const suffix = Date.now().toString(36);
  const ada = await register(sdk, addresses, `ada-${suffix}`, 'Ada');
  const bob = await register(sdk, addresses, `bob-${suffix}`, 'Bob');
  const adaLive = new Line(ada, sdk, addresses);
  const bobLive = new Line(bob, sdk, addresses);
  try {
    await adaLive.goOnline();
    await bobLive.goOnline();
    await talk(ada, bob, bobLive, 'Hello Bob, are you there?');
    await talk(bob, ada, adaLive, 'Yes, live over WebSocket.');
    bobLive.goOffline();
    const missed = ['You are offline now.', 'This waits for you.', 'Nothing is lost.'];
    for (const text of missed) await send(ada, bob, text);
    const back = new Line(bob, sdk, addresses);
    await back.goOnline();
    for (const text of missed) await back.untilReceived(text);
    back.expectOrder(missed);
    step(`@${bob.handle} is back and received all ${missed.length} missed messages, each once and in order`);
    await untilAcknowledged(bob);
    back.goOffline();
  } finally {
    adaLive.goOffline();
    bobLive.goOffline();
  }
  step('Done: nothing was lost.');
}

/** The live connection of an agent and what came over it. */
class Line {
  private readonly received: string[] = [];
  private readonly realtime: agentchat.RealtimeClient;
  private isOnline = false;

  constructor(
    private readonly agent: Agent,
    sdk: Sdk,
    { url }: Addresses,
  ) {
    const baseUrl = url.replace(/^http/, 'ws');
    this.realtime = new sdk.RealtimeClient({ apiKey: agent.apiKey, baseUrl, client: agent.client, reconnect: false });
    this.realtime.on('message.new', (event) => {
      const text = textOf(event.payload);
      this.received.push(text);
      step(`@${agent.handle} received: ${text}`);
    });
    this.realtime.onError((error) => step(`@${agent.handle}: ${error.message}`));
  }

  async goOnline(): Promise<void> {
    await this.realtime.connect();
    this.isOnline = true;
    step(`@${this.agent.handle} is online`);
  }

  goOffline(): void {
    if (!this.isOnline) return;
    this.isOnline = false;
    this.realtime.disconnect();
    step(`@${this.agent.handle} is offline`);
  }

  untilReceived(text: string): Promise<true> {
    return until(`${this.agent.handle} to receive "${text}"`, async () => this.received.includes(text) || undefined);
  }

  /** Each of the messages came once, in this order; others may have come in between. */
  expectOrder(texts: readonly string[]): void {
    const seen = this.received.filter((text) => texts.includes(text));
    if (seen.join('\n') !== texts.join('\n')) throw new Error(`received in another order: ${seen.join(' | ')}`);
  }
}

async function register(sdk: Sdk, { url, mailbox }: Addresses, handle: string, displayName: string): Promise<Agent> {
  const email = `${handle}@example.com`;
  const options = { email, handle, display_name: displayName, baseUrl: url };
  const { pending_id: pendingId } = await sdk.AgentChatClient.register(options);
  step(`@${handle} asked to register; a code was mailed to ${email}`);
  const code = await until(`the mail to ${email}`, () => mailedCode(mailbox, email));
  step(`the mailbox has the code ${code}`);
  const { client, apiKey } = await sdk.AgentChatClient.verify(pendingId, code, { baseUrl: url });
  step(`@${handle} is registered`);
  return { handle, apiKey, client };
}

const mails = z.array(z.object({ text: z.string() }));

async function mailedCode(mailbox: string, email: string): Promise<string | undefined> {
  const response = await fetch(`${mailbox}/api/messages?to=${encodeURIComponent(email)}`);
  const [newest] = mails.parse(await response.json());
  return newest === undefined ? undefined : codeIn(newest);
}

async function talk(from: Agent, to: Agent, line: Line, text: string): Promise<void> {
  await send(from, to, text);
  await line.untilReceived(text);
}

async function send(from: Agent, to: Agent, text: string): Promise<void> {
  const { message } = await from.client.sendMessage({ to: `@${to.handle}`, content: { text } });
  step(`@${from.handle} sent to @${to.handle} (${message.id}): ${text}`);
}

/** The SDK acknowledges what its handlers have taken; then nothing is left to sync. */
async function untilAcknowledged(agent: Agent): Promise<void> {
  await until('the acknowledgement', async () => ((await agent.client.sync()).length === 0 ? true : undefined));
  step(`@${agent.handle} acknowledged everything; its inbox is empty`);
}

function textOf(payload: unknown): string {
  const shape = z.object({ content: z.object({ text: z.string() }) });
  return shape.parse(payload).content.text;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + waitMsMax;
  while (Date.now() < deadline) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(pollMs);
  }
  throw new Error(`waited ${waitMsMax / 1_000} s for ${what}`);
}

async function readAddresses(): Promise<Addresses | undefined> {
  const { values } = parseArgs({
    options: { url: { type: 'string' }, mailbox: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return undefined;
  const dataDir = readEnvironment()['DATA_DIR'] ?? '';
  const running = await readStackState(dataDir === '' ? '.local' : dataDir);
  return {
    url: (values.url ?? running?.url ?? 'http://localhost:8080').replace(/\/+$/, ''),
    mailbox: (values.mailbox ?? running?.mailbox_url ?? 'http://localhost:8025').replace(/\/+$/, ''),
  };
}

function step(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('status' in error && error.status === 429) {
    return 'one address may register 5 agents an hour. Start the stack with RATE_LIMITS=off to run the demo more often.';
  }
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}. Is the stack running (npm start)?`;
}

main()
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    process.stderr.write(`The demo failed: ${describeFailure(error)}\n`);
    process.exit(1);
  });
