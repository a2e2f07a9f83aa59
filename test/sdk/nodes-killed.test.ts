import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import type { Database } from '../../store/database';
import { countUndelivered } from '../../store/inbox';
import { startBalancer, type Balancer } from '../support/balancer';
import { startTalk } from '../support/conversations';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase, send } from '../support/traffic';
import { waitFor } from '../support/wait';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

const MESSAGES = 120;

describe('the published TypeScript SDK while nodes are killed', () => {
  let stack: Stack;
  let database: Database;
  let balancer: Balancer;

  beforeAll(async () => {
    stack = await startStack({ apis: 2, workers: 0 });
    database = openStackDatabase(stack);
    // Always the node that was started last: the one that is killed next.
    balancer = await startBalancer(() =>
      stack.apis
        .filter((api) => api.isRunning())
        .slice(-1)
        .map(({ port }) => port),
    );
  });
  afterAll(async () => {
    await balancer.stop();
    await database.client.close();
    await stack.stop();
  });

  test('realtime#28, realtime#29: its handlers see every message once, whichever nodes die in between', async () => {
    const { a, b } = await startTalk(database, stack.baseUrls[0] ?? '');
    const seen: string[] = [];
    const live = new RealtimeClient({
      apiKey: a.key,
      baseUrl: balancer.baseUrl.replace('http', 'ws'),
      client: new AgentChatClient({ apiKey: a.key, baseUrl: balancer.baseUrl }),
      reconnectInterval: 50,
    });
    live.on('message.new', (event) => {
      const { id, sender } = event.payload as { id: string; sender: string };
      if (sender === b.handle) seen.push(id);
    });
    await live.connect();
    await waitFor(() => seen.length === 1);
    const sent: string[] = [];
    for (let index = 0; index < MESSAGES; index += 1) {
      const answer = await send(stack.baseUrls[0] ?? '', b, a, `msg-${index}`);
      expect(answer.status).toBe(201);
      sent.push(String(answer.body.id));
      if (index === 40 || index === 80) {
        const victim = stack.apis.filter((api) => api.isRunning()).at(-1);
        if (victim === undefined) throw new Error('a node is needed');
        await stack.startApi();
        await stack.kill(victim);
      }
    }
    await waitFor(() => sent.every((id) => seen.includes(id)), { timeoutMs: 45_000, describe: 'all messages' });
    await waitFor(async () => (await countUndelivered(database, a.id)) === 0, { timeoutMs: 30_000 });
    expect(seen).toHaveLength(MESSAGES + 1);
    expect(new Set(seen).size).toBe(seen.length);
    live.disconnect();
  }, 120_000);
});
