import { explainQueries } from '../../bench/explain';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { createCallbackSecrets, loadCallback } from '../../store/gateway/callbacks';
import { executionsOfMessages, loadExecution } from '../../store/gateway/executions';
import { handOver } from '../../store/gateway/hand-over';
import { ownerPrincipal } from '../../store/gateway/principals';
import { startOnce, type NewReceipt } from '../../store/gateway/receipts';
import { settleReplies } from '../../store/gateway/replies';
import { createSideSession } from '../../store/gateway/sessions';
import { tryAgain } from '../../store/gateway/tries';
import { startTurn } from '../../store/gateway/turns';
import { createCommitter } from '../../store/sending/committer';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { sequence } from '../support/releases';

/** Rows of other tasks: what one costs must not grow with them. */
const OTHERS = 500;
const now = new Date();

describe('queries of tasks', () => {
  const database = useDatabase({ isMonitored: true });

  test('a task that is tried again, answered to its first message and told, looks at its own rows', async () => {
    const principal = ownerPrincipal({ id: 'own_tasker', displayName: null });
    const clock = { now: () => new Date() };
    const log = createLogger('test', 'silent');
    const agents = createAgentReader(database);
    const committer = createCommitter({ database, agents, clock, log, limitRate: false, observe: () => undefined });
    const { _id: agentId, handle, isSystem, keyVersion } = (await createTestAgent(database)).agent;
    const deadlineAt = new Date(now.getTime() + 900_000);
    const tries = { attempt: 1, max: 2, acceptMs: 10_000, notBefore: now, messageIds: [] };
    const signer = { kind: 'owner' as const, id: 'own_tasker' };
    const secret = createCallbackSecrets([{ id: 'k', key: Buffer.alloc(32) }]).seal('url', 'https://example.com');
    const times = { waitUntil: deadlineAt, deadlineAt, now };
    const receipt = { _id: 'receipt', bodyHash: 'hash' };
    await database.gatewayReceipts.insertMany(
      sequence(1, OTHERS).map((n) => ({
        _id: `r${n}`,
        bodyHash: 'hash',
        executionId: `exe_${n}`,
        expiresAt: deadlineAt,
      })),
    );
    const explained = await explainQueries(database, async () => {
      const session = await createSideSession(database, principal, agentId, now, 'task');
      const task = { tries, callback: { url: secret, signer } };
      const start = (given: NewReceipt | null) =>
        startTurn(database, {
          session,
          channel: 'task',
          contactOf: null,
          message: 'Hi',
          wantsStream: false,
          hints: {},
          task,
          receipt: given,
          ...times,
        });
      const { execution } = await startOnce(database, receipt, now, start);
      expect(await startOnce(database, receipt, now, start)).toMatchObject({ isReplay: true });
      await handOver({ database, committer, clock }, execution._id);
      const first = (await loadExecution(database, execution._id))?.messageId ?? '';
      expect(await tryAgain(database, execution._id, now)).toBe(true);
      await committer.send({
        sender: { id: agentId, handle, isSystem, keyVersion, isCached: false },
        to: session.guestHandle,
        clientMsgId: 'answer to the first',
        type: 'text',
        content: '{"text":"Hello"}',
        metadata: JSON.stringify({ reply_to: first }),
        attachmentId: null,
      });
      await settleReplies(database, session.guestId);
      expect(await loadExecution(database, execution._id)).toMatchObject({ status: 'completed', response: 'Hello' });
      expect((await executionsOfMessages(database, [first])).get(first)?._id).toBe(execution._id);
      expect(await loadCallback(database, execution._id)).toBeNull();
    });
    expect(explained.length).toBeGreaterThan(10);
    for (const one of explained) expect([one, one.isCollectionScan, one.docsExamined <= 5]).toEqual([one, false, true]);
  });
});
