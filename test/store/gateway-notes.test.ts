import { randomUUID } from 'node:crypto';
import { systemClock } from '../../platform/clock';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { loadExecution } from '../../store/gateway/executions';
import { handOver } from '../../store/gateway/hand-over';
import { ownerPrincipal } from '../../store/gateway/principals';
import { settleReplies } from '../../store/gateway/replies';
import { createSession, loadSession } from '../../store/gateway/sessions';
import { loadAgentTurn, takeTurnFrames } from '../../store/gateway/turn-events';
import { startTurn } from '../../store/gateway/turns';
import { createCommitter, type Committer } from '../../store/sending/committer';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { use } from '../support/use';

describe('a turn whose process ends when its message is with the agent', () => {
  const database = useDatabase();
  const committer: Committer = use(
    () =>
      createCommitter({
        database,
        agents: createAgentReader(database),
        clock: systemClock,
        log: createLogger('test', 'silent'),
        limitRate: false,
        observe: () => undefined,
      }),
    (opened) => opened.idle(),
  );
  const ending: Pick<Committer, 'send'> = {
    send: async (command) => {
      await committer.send(command);
      throw new Error('the process ends here');
    },
  };

  /** A turn whose message is with its agent, and nobody noted that. */
  async function unnoted() {
    const { agent } = await createTestAgent(database);
    const now = new Date();
    const session = await createSession(database, ownerPrincipal({ id: 'own_1', displayName: null }), agent._id, now);
    const later = new Date(now.getTime() + 600_000);
    const { _id: id } = await startTurn(database, {
      session,
      channel: 'chat',
      contactOf: null,
      message: 'Sent, and not noted',
      wantsStream: false,
      hints: {},
      waitUntil: later,
      deadlineAt: later,
      now,
    });
    await expect(handOver({ database, committer: ending, clock: systemClock }, id)).rejects.toThrow('ends here');
    return { agent, session, id };
  }

  test('gateway#4: its answer notes in its turn and session where the message is', async () => {
    const { agent, session, id } = await unnoted();
    const sender = { id: agent._id, handle: agent.handle, isSystem: false, keyVersion: 1, isCached: false };
    const said = { type: 'text', content: '{"text":"Here"}', metadata: '{}', attachmentId: null } as const;
    await committer.send({ sender, to: session.guestHandle, clientMsgId: randomUUID(), ...said });
    await settleReplies(database, session.guestId);
    const asked = await database.messages.findOne({ senderId: session.guestId });
    expect(await loadExecution(database, id)).toMatchObject({
      status: 'completed',
      response: 'Here',
      messageId: asked?._id,
      place: { conversationId: asked?.conversationId, seq: asked?.seq },
    });
    const { conversationId, messageCount } = (await loadSession(database, session._id)) ?? {};
    expect([conversationId, messageCount]).toEqual([asked?.conversationId, 2]);
  });

  test('gateway.md §8: what a quick agent says of its turn is taken before that was noted', async () => {
    const { agent, session, id } = await unnoted();
    const place = { agentId: agent._id, executionId: id };
    const say = () => takeTurnFrames(database, place, [{ type: 'progress', label: 'At work' }], new Date());
    const taken = await Promise.all([say(), say()]);
    expect(taken.map(({ refusal }) => refusal)).toEqual([null, null]);
    const asked = await database.messages.findOne({ senderId: session.guestId });
    expect(await loadExecution(database, id)).toMatchObject({ status: 'running', messageId: asked?._id });
    expect(await loadSession(database, session._id)).toMatchObject({ messageCount: 1 });
  });

  test('gateway.md §8: it can be completed then, too; one whose message was not sent cannot', async () => {
    const { agent, id } = await unnoted();
    expect((await loadAgentTurn(database, agent._id, id)).execution).toMatchObject({ _id: id, status: 'queued' });
    const { agent: other, id: unsent } = await unnoted();
    await database.messages.deleteMany({});
    await expect(loadAgentTurn(database, other._id, unsent)).rejects.toMatchObject({ code: 'EXECUTION_NOT_FOUND' });
    const place = { agentId: other._id, executionId: unsent };
    await expect(takeTurnFrames(database, place, [], new Date())).rejects.toMatchObject({
      code: 'EXECUTION_NOT_FOUND',
    });
  });
});
