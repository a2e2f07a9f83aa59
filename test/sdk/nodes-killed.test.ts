import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import { countUndelivered } from '../../store/inbox/backlog';
import { startBalancer } from '../support/balancer';
import { startTalk } from '../support/conversations';
import { send } from '../support/traffic';
import { waitFor } from '../support/wait';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { itemAt } from '../support/exactly';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

const MESSAGES = 120;

describe('the published TypeScript SDK while nodes are killed', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });
  // Always the node that was started last: the one that is killed next.
  const balancer = use(
    () =>
      startBalancer(() =>
        stack.apis
          .filter((api) => api.isRunning())
          .slice(-1)
          .map(({ port }) => port),
      ),
    (proxy) => proxy.stop(),
  );

  test('realtime#28, realtime#29: its handlers see every message once, whichever nodes die in between', async () => {
    const { a, b } = await startTalk(database, url());
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
      const answer = await send(url(), b, a, `msg-${index}`);
      expect(answer.status).toBe(201);
      sent.push(String(answer.body.id));
      if (index === 40 || index === 80) {
        const victim = itemAt(
          stack.apis.filter((api) => api.isRunning()),
          -1,
        );
        await stack.startApi();
        await stack.kill(victim);
      }
    }
    await waitFor(() => sent.every((id) => seen.includes(id)), { describe: 'all messages' });
    await waitFor(async () => (await countUndelivered(database, a.id)) === 0);
    expect(seen).toHaveLength(MESSAGES + 1);
    expect(new Set(seen).size).toBe(seen.length);
    live.disconnect();
  });
});
