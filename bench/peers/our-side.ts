import { Pool } from 'undici';
import type { WebSocket } from 'ws';
import { startFullBenchStack } from '../full-stack';
import { makeGroup, writeOut } from '../group-fixture';
import { post } from '../load';
import { openSocket } from '../sockets';
import { makeAgents, type BenchAgent } from '../stack';
import { type OnText, type Side, type Sizes } from './side';

const CONNECTIONS = 64;
/** Members whose inboxes are emptied at once. */
const DRAINED_AT_ONCE = 4;
const PAGE = 500;

interface Call {
  pool: Pool;
  baseUrl: string;
}

/** Starts mongod, Temporal, an api and a worker, with agents that have written to each other and a group. */
export async function startOurSide(sizes: Sizes): Promise<Side> {
  const stack = await startFullBenchStack({ apis: 1 });
  const baseUrl = stack.baseUrls[0] ?? '';
  const pool = new Pool(baseUrl, { connections: CONNECTIONS });
  const call = { pool, baseUrl };
  try {
    const senders = await makeAgents(stack.database, sizes.conversations, 'sender');
    const recipients = await makeAgents(stack.database, sizes.conversations, 'recipient');
    const members = await makeAgents(stack.database, sizes.groupMembers, 'member');
    const group = { conversation_id: await makeGroup(stack.database, members) };
    for (const [index, sender] of senders.entries()) {
      const recipient = at(recipients, index);
      await sendText(call, sender, { to: recipient.handle }, 'hello');
      await sendText(call, recipient, { to: sender.handle }, 'hello');
    }
    const { database, pids } = stack;
    return {
      name: 'ours',
      promise:
        '201: the message, its place in the one order of its conversation and the copy of every recipient, connected ' +
        'or not, are in one majority-committed, journaled transaction; a repeated send is the same message',
      processes: { path: [...pids.apis, pids.mongod], beside: [pids.worker, pids.temporal] },
      versions: { mongod: await mongodVersion(stack) },
      hasEcho: false,
      openRecipient: (conversation, onText) => listen(call, at(recipients, conversation), onText),
      openSender: (conversation) => {
        const [sender, to] = [at(senders, conversation), at(recipients, conversation).handle];
        return Promise.resolve({ send: (text) => sendText(call, sender, { to }, text), close: () => undefined });
      },
      async openMember(member, onText) {
        const agent = at(members, member);
        const { close } = await listen(call, agent, onText);
        return { send: (text) => sendText(call, agent, group, text), close };
      },
      async settle() {
        await drain(call, members.slice(sizes.connectedMembers));
        await writeOut(database);
      },
      async stop() {
        await pool.close();
        await stack.stop();
      },
    };
  } catch (error) {
    await pool.close();
    await stack.stop();
    throw error;
  }
}

let sent = 0;

async function sendText({ pool }: Call, from: BenchAgent, target: object, text: string): Promise<void> {
  const body = { ...target, client_msg_id: `peers-${(sent += 1)}`, content: { text } };
  await post(pool, '/v1/messages', from.key, body);
}

/** As the published clients do: each message is acknowledged when it has come. */
async function listen({ baseUrl }: Call, agent: BenchAgent, onText: OnText): Promise<{ close(): void }> {
  const socket = await openSocket(`${baseUrl}/v1/ws`, agent.key, 'ack');
  socket.on('message', (data) => receive(socket, String(data), onText));
  return { close: () => socket.removeAllListeners('close').terminate() };
}

function receive(socket: WebSocket, data: string, onText: OnText): void {
  // The parse point of frames.
  const { type, payload } = JSON.parse(data) as { type: string; payload?: { id: string; content?: { text?: string } } };
  if (type !== 'message.new' || payload === undefined) return;
  socket.send(JSON.stringify({ type: 'ack', message_id: payload.id }));
  if (payload.content?.text !== undefined) onText(payload.content.text);
}

/** Has these agents take what they were sent, so that no run meets the cap of undelivered messages of the one before. */
async function drain(call: Call, agents: BenchAgent[]): Promise<void> {
  const waiting = [...agents];
  const lane = async (): Promise<void> => {
    for (let agent = waiting.pop(); agent !== undefined; agent = waiting.pop()) await takeAll(call, agent);
  };
  await Promise.all(Array.from({ length: DRAINED_AT_ONCE }, lane));
}

async function takeAll({ pool }: Call, { key }: BenchAgent): Promise<void> {
  for (;;) {
    const headers = { authorization: `Bearer ${key}` };
    const response = await pool.request({ method: 'GET', path: `/v1/messages/sync?limit=${PAGE}`, headers });
    // The parse point of our own page.
    const page = (await response.body.json()) as { delivery_id: string }[];
    const last = page.at(-1)?.delivery_id;
    if (last === undefined) return;
    await post(pool, '/v1/messages/sync/ack', key, { last_delivery_id: last });
  }
}

async function mongodVersion({ database }: Awaited<ReturnType<typeof startFullBenchStack>>): Promise<string> {
  const { version } = await database.db.admin().buildInfo();
  return String(version);
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing at ${index}`);
  return found;
}
