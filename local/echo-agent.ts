import { register, step, type Addresses, type DemoAgent, type Sdk } from './demo-stack';
import { z } from 'zod';

const messageShape = z.object({
  id: z.string(),
  sender: z.string(),
  content: z.looseObject({ text: z.string().optional() }),
});

/** An agent that is online and answers. */
export interface EchoAgent extends DemoAgent {
  goOffline(): void;
}

/**
 * An agent on the published SDK that answers whoever writes to it. There is nothing here that knows of the chat gateway:
 * its users write to agents as everybody does.
 */
export async function startEchoAgent(sdk: Sdk, addresses: Addresses, handle: string): Promise<EchoAgent> {
  const agent = await register(sdk, addresses, handle, 'Echo');
  const live = new sdk.RealtimeClient({
    apiKey: agent.apiKey,
    baseUrl: addresses.url.replace(/^http/, 'ws'),
    client: agent.client,
  });
  live.onError((error) => step(`@${handle}: ${error.message}`));
  live.on('message.new', (event) => {
    const message = messageShape.parse(event.payload);
    // Where the SDK fills a gap it hands over what the agent said itself, too.
    if (message.sender === handle) return;
    answer(agent, message).catch((error: unknown) => step(`@${handle} could not answer: ${String(error)}`));
  });
  await live.connect();
  return { ...agent, goOffline: () => live.disconnect() };
}

/** A message that is handed over twice is answered once: both answers have one name. */
async function answer(
  { handle, client }: DemoAgent,
  { id, sender, content }: z.infer<typeof messageShape>,
): Promise<void> {
  const text = content.text === undefined ? 'I can read text only.' : `You said: ${content.text}`;
  step(`@${sender} wrote: ${content.text ?? '(no text)'}`);
  await client.sendMessage({ to: `@${sender}`, content: { text }, client_msg_id: `answer-${id}` });
  step(`@${handle} answered: ${text}`);
}
