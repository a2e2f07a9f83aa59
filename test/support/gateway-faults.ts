import { randomUUID } from 'node:crypto';
import { systemClock } from '../../platform/clock';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { createCommitter } from '../../store/sending/committer';
import { turnId } from '../../workflows/messages/turn';
import type { GatewayUser } from './gateway';
import { sequence } from './releases';
import { SdkAgent } from './sdk';
import type { UsedStack } from './use-stack';
import { waitFor } from './wait';

/** The caller of a process that was killed looks for its turn elsewhere. */
export const LATE = { timeout_seconds: 600 };

/** An agent that answers each message once, when it is told to: what was killed is dead by then. */
export async function startAnsweringAgent({ database }: UsedStack, baseUrl: string) {
  const agent = await SdkAgent.create(database, baseUrl);
  await agent.connect();
  return {
    agent,
    handle: agent.handle,
    untilAsked: (count = 1) => waitFor(() => agent.received.length === count, { describe: `${count} messages` }),
    answer: (index = 0) => {
      const { sender = '', content } = agent.received[index] ?? {};
      const text = `You said: ${content?.text}`;
      return agent.client.sendMessage({ to: sender, content: { text }, client_msg_id: randomUUID() });
    },
  };
}

/** What a turn must have come to, whoever died: one message, one answer, one end, and nothing left to do. */
export async function expectDoneOnce({ database, client }: UsedStack, executionId: string): Promise<void> {
  const flow = client.workflow.getHandle(turnId(executionId));
  await waitFor(() => flow.describe(), { describe: 'the flow of the turn' });
  expect(await flow.result()).toEqual({ status: 'completed', isHandedOver: true });
  await waitFor(async () => (await database.outbox.countDocuments({ executionId })) === 0, { describe: 'the outbox' });
  const execution = await database.gatewayExecutions.findOne({ _id: executionId });
  const { guestId = '', agentId = '', message = '', replies = [] } = execution ?? {};
  expect(execution).toMatchObject({ status: 'completed', response: `You said: ${message}`, error: null });
  expect(replies).toEqual([{ messageId: expect.any(String), isLate: false }]);
  const [asked, answered] = [guestId, agentId].map((senderId) =>
    database.messages.countDocuments({ senderId, conversationId: execution?.place?.conversationId ?? '' }),
  );
  expect([await asked, await answered]).toEqual([1, 1]);
  // Its slot is free, and nothing that waits is counted twice or not at all.
  expect(await database.gatewaySlots.findOne({ _id: agentId })).toMatchObject({ running: [], chats: 0, tasks: 0 });
  const events = await database.gatewayEvents.find({ executionId }, { sort: { _id: 1 } }).toArray();
  expect(events.map(({ n }) => n)).toEqual(sequence(1, events.length));
  expect(events.filter(({ type }) => type === 'text').map(({ data }) => data)).toEqual([
    { text: `You said: ${message}` },
  ]);
  expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
  expect(events.at(-1)?.type).toBe('end');
}

/** Reads of the caller at another process until its turn has ended. */
export const untilCompleted = (user: GatewayUser, { handle }: { handle: string }, executionId: string) =>
  waitFor(
    async () => {
      const { body } = await user.call('GET', `/api/agents/${handle}/executions/${executionId}`);
      return body.status === 'completed' ? body : null;
    },
    { describe: 'the completed execution' },
  );

/** The agent's answer is committed by a process that gets no further: this one. */
export async function commitAnswer({ database }: UsedStack, agent: SdkAgent, asked: string): Promise<void> {
  const log = createLogger('test', 'silent');
  const agents = createAgentReader(database);
  const committer = createCommitter({
    database,
    agents,
    clock: systemClock,
    log,
    limitRate: false,
    observe: () => undefined,
  });
  const message = agent.received.find(({ content }) => content.text === asked);
  await committer.send({
    sender: { id: agent.id, handle: agent.handle, isSystem: false, keyVersion: 1, isCached: false },
    to: message?.sender ?? '',
    clientMsgId: randomUUID(),
    type: 'text',
    content: JSON.stringify({ text: `You said: ${asked}` }),
    metadata: '{}',
    attachmentId: null,
  });
  await committer.idle();
}
