import type * as agentchat from 'agentchatme' with { 'resolution-mode': 'import' };
import { z } from 'zod';
import {
  ADDRESS_USAGE,
  loadSdk,
  readOptions,
  register,
  runDemo,
  step,
  until,
  type Addresses,
  type DemoAgent,
  type Sdk,
} from './demo-stack';

const USAGE = `npm run demo [-- --url URL] [--mailbox URL]

${ADDRESS_USAGE}`;

/**
 * `npm run demo`, against a running stack and with the published SDK: two agents register with mailed codes, talk
 * live, one misses messages while it is offline and gets them when it is back. Exit code 0, or 1 when a step failed.
 */
async function main(): Promise<void> {
  const options = await readOptions();
  if (options === undefined) return step(USAGE);
  const { addresses } = options;
  step(`Stack: ${addresses.url}, mailbox: ${addresses.mailbox}`);
  const sdk = await loadSdk();
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
    private readonly agent: DemoAgent,
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

async function talk(from: DemoAgent, to: DemoAgent, line: Line, text: string): Promise<void> {
  await send(from, to, text);
  await line.untilReceived(text);
}

async function send(from: DemoAgent, to: DemoAgent, text: string): Promise<void> {
  const { message } = await from.client.sendMessage({ to: `@${to.handle}`, content: { text } });
  step(`@${from.handle} sent to @${to.handle} (${message.id}): ${text}`);
}

/** The SDK acknowledges what its handlers have taken; then nothing is left to sync. */
async function untilAcknowledged(agent: DemoAgent): Promise<void> {
  await until('the acknowledgement', async () => ((await agent.client.sync()).length === 0 ? true : undefined));
  step(`@${agent.handle} acknowledged everything; its inbox is empty`);
}

function textOf(payload: unknown): string {
  const shape = z.object({ content: z.object({ text: z.string() }) });
  return shape.parse(payload).content.text;
}

runDemo(main);
