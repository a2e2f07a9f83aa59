import type { Database } from '../../store/schema/database';
import { SocketClient } from '../realtime/socket-client';
import type { CallAnswer, Parsed, TestAgent } from './agents';
import { createTestAgent } from './agents';
import { exactly, type Exactly } from './exactly';
import { claim, signInOwner, type OwnersStack, type TestOwner } from './owners';
import { waitFor } from './wait';

/** An owner with agents of its own. */
export interface Watched<Count extends number> {
  owner: TestOwner;
  agents: Exactly<TestAgent, Count>;
}

/** A signed-in owner who has claimed `count` fresh agents. */
export async function ownerOf<Count extends number = 1>(
  stack: OwnersStack,
  database: Database,
  // The parse point of the default.
  count: Count = 1 as Count,
): Promise<Watched<Count>> {
  const owner = await signInOwner(stack);
  const agents = await exactly(count, async () => {
    const agent = await createTestAgent(database);
    await claim(owner, agent);
    return agent;
  });
  return { owner, agents };
}

/** One view of one agent. */
export function view(
  owner: TestOwner,
  { agent }: Pick<TestAgent, 'agent'>,
  path: string,
  node = 0,
): Promise<CallAnswer> {
  return owner.call('GET', `/dashboard/agents/${agent.handle}/${path}`, { node });
}

/** A dashboard that is open on the node of this number. */
export async function openDashboard(stack: OwnersStack, owner: TestOwner, node = 0): Promise<SocketClient> {
  const { body } = await owner.call('POST', '/dashboard/ws/ticket');
  const client = await withTicket(stack, body.ticket, node);
  await waitFor(() => client.frames[0] ?? client.closed, { describe: 'hello.ok or a close' });
  return client;
}

export function withTicket(
  stack: Pick<OwnersStack, 'baseUrls'>,
  ticket: string,
  node = 0,
  headers: Record<string, string> = {},
): Promise<SocketClient> {
  return SocketClient.open(stack.baseUrls[node] ?? '', `/v1/ws/dashboard?ticket=${ticket}`, headers);
}

/** Frames of one type that the dashboard got, in order. */
export function framesOf(client: SocketClient, type: string): Parsed[] {
  return client.frames.filter((frame) => frame.type === type);
}

/** Waits until the dashboard got `count` messages; returns their frames. */
export async function untilShown(client: SocketClient, count: number): Promise<Parsed[]> {
  await waitFor(() => framesOf(client, 'message.new').length >= count, {
    describe: `${count} messages, got ${framesOf(client, 'message.new').length}`,
  });
  return framesOf(client, 'message.new');
}
