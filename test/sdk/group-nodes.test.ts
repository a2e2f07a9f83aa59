import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import type { Database } from '../../store/database';
import { addContact } from '../../store/transactions/relations';
import { createTestAgent } from '../support/agents';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase } from '../support/traffic';
import { waitFor } from '../support/wait';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

interface Person {
  id: string;
  handle: string;
  client: Sdk.AgentChatClient;
  apiKey: string;
}

/** What a handler of `message.new` got: text, or the event of a system message. */
interface Seen {
  seq: number;
  what: string;
  group: string;
}

describe('a group of SDK clients on nodes that die', () => {
  let stack: Stack;
  let database: Database;

  beforeAll(async () => {
    stack = await startStack({ apis: 2, workers: 1 });
    database = openStackDatabase(stack);
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
  });

  async function person(node = 0): Promise<Person> {
    const { agent, apiKey } = await createTestAgent(database);
    const client = new AgentChatClient({ apiKey, baseUrl: stack.baseUrls[node] ?? '' });
    return { id: agent._id, handle: agent.handle, client, apiKey };
  }
  const saves = (who: Person, whom: Person) => addContact(database, { from: who.id, to: whom.id, at: new Date() });

  async function connect(who: Person, node: number) {
    const seen: Seen[] = [];
    const events: string[] = [];
    const live = new RealtimeClient({
      apiKey: who.apiKey,
      baseUrl: (stack.baseUrls[node] ?? '').replace('http', 'ws'),
      client: who.client,
      reconnectInterval: 50,
    });
    let isConnected = false;
    live.onConnect(() => (isConnected = true));
    live.on('message.new', (event) => {
      const { seq, content, conversation_id } = event.payload as {
        seq: number;
        conversation_id: string;
        content: { text?: string; data?: { event: string } };
      };
      seen.push({ seq, what: content.text ?? content.data?.event ?? '', group: conversation_id });
    });
    for (const type of ['group.invite.received', 'group.deleted'] as const) live.on(type, () => void events.push(type));
    await live.connect();
    await waitFor(() => isConnected);
    return { live, seen, events };
  }

  test('32 agents on two nodes, one of them killed: all see one sequence from their join on, then the notice', async () => {
    const ada = await person();
    const members = await Promise.all(Array.from({ length: 31 }, (_, index) => person(index % 2)));
    for (const member of members) await saves(member, ada);
    const { group } = await ada.client.createGroup({
      name: 'crowd',
      member_handles: members.map(({ handle }) => handle),
    });
    // Half of them listen, the others are away.
    const listening = await Promise.all(members.slice(0, 16).map((member) => connect(member, 1)));
    const survivor = stack.baseUrls[1] ?? '';
    const clients = members.map(({ apiKey }) => new AgentChatClient({ apiKey, baseUrl: survivor }));
    const say = (from: Sdk.AgentChatClient, text: string) =>
      from.sendMessage({ conversation_id: group.id, content: { text } });
    await Promise.all(clients.slice(0, 8).map((client, index) => say(client, `first ${index}`)));
    const victim = stack.apis[0];
    if (victim !== undefined) await stack.kill(victim);
    await Promise.all(clients.slice(8, 16).map((client, index) => say(client, `second ${index}`)));
    const owner = new AgentChatClient({ apiKey: ada.apiKey, baseUrl: survivor });
    const leaver = members[30];
    await clients[30]?.leaveGroup(group.id);
    await owner.deleteGroup(group.id);
    for (const one of listening) {
      await waitFor(() => one.seen.some(({ what }) => what === 'group_deleted'), { timeoutMs: 60_000 });
    }
    const rows = await database.messages.find({ conversationId: group.id }).sort({ seq: 1 }).toArray();
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
    for (const [index, { seen }] of listening.entries()) {
      const own = rows.filter(({ senderId }) => senderId === members[index]?.id).map(({ seq }) => seq);
      const received = seen.map(({ seq }) => seq).filter((seq) => !own.includes(seq));
      expect(new Set(received).size).toBe(received.length);
      expect(seen.at(-1)?.what).toBe('group_deleted');
    }
    for (const client of clients.slice(16, 30)) {
      const left = await client.sync();
      expect(left.map(({ content }) => (content as { data?: { event: string } }).data?.event)).toEqual([
        'group_deleted',
      ]);
    }
    expect(leaver).toBeDefined();
    expect(await clients[30]?.sync()).toEqual([]);
    for (const one of listening) one.live.disconnect();
  }, 180_000);
});
