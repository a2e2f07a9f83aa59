import { countUndelivered } from '../../store/inbox/backlog';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { callsOf, say, seqsOf, startTalk } from '../support/conversations';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

describe('what time removes', () => {
  const { stack, database, client, url } = useStack({ env: { UNDELIVERED_TTL_DAYS: '90' } });

  /** Runs a sweep as an operator would, and waits for its end. */
  async function sweep(task: string): Promise<{ changed: number }> {
    const handle = client.schedule.getHandle(`housekeeping:${task}`);
    const before = (await handle.describe()).info.recentActions.length;
    await handle.trigger(ScheduleOverlapPolicy.BUFFER_ALL);
    const run = await waitFor(
      async () => {
        const { recentActions } = (await handle.describe()).info;
        return recentActions.length > before ? recentActions.at(-1) : null;
      },
      { describe: `a run of housekeeping:${task}` },
    );
    const { workflowId, firstExecutionRunId } = run.action.workflow;
    return (await client.workflow.getHandle(workflowId, firstExecutionRunId).result()) as { changed: number };
  }

  const storedRows = (agentId: string): Promise<number> =>
    database.envelopes.countDocuments({ recipientId: agentId, status: 'stored' });

  test('every sweep has a schedule, once, however often workers start', async () => {
    await stack.terminate(await stack.startWorker());
    const ids: string[] = [];
    for await (const schedule of client.schedule.list()) ids.push(schedule.scheduleId);
    const expected = ['attachments', 'blobs', 'outbox', 'retention', 'undelivered'].map(
      (task) => `housekeeping:${task}`,
    );
    expect(ids.sort()).toEqual(expected);
  });

  test("an operator's pause of a schedule outlives a worker's start", async () => {
    const handle = client.schedule.getHandle('housekeeping:blobs');
    await handle.pause('while the store is moved');
    await stack.terminate(await stack.startWorker());
    expect((await handle.describe()).state).toMatchObject({ paused: true, note: 'while the store is moved' });
    await handle.unpause();
  });

  test('messages that were undelivered for 90 days leave sync and backlog, not the history', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const calls = callsOf(url(), b);
    await say(url(), a, b, 4);
    await calls.ack((await calls.sync())[0]?.['delivery_id']);
    const rows = await calls.sync();
    expect(seqsOf(rows)).toEqual([3, 4, 5, 6]);
    const old = await database.envelopes.find({ recipientId: b.id, seq: { $in: [3, 4] } }).toArray();
    const ids = old.map(({ _id }) => _id);
    await database.envelopes.updateMany({ _id: { $in: ids } }, { $set: { createdAt: daysAgo(91) } });
    await sweep('undelivered');
    expect(seqsOf(await calls.sync())).toEqual([5, 6]);
    expect([await countUndelivered(database, b.id), await storedRows(b.id)]).toEqual([2, 2]);
    const history = await calls.history(conversationId);
    expect(history.map(({ seq, status }) => [seq, status])).toEqual([
      [6, 'stored'],
      [5, 'stored'],
      [4, 'expired'],
      [3, 'expired'],
      [2, expect.any(String)],
      [1, 'delivered'],
    ]);
    expect((await calls.read(String(rows[0]?.id))).body).toMatchObject({ status: 'read' });
    expect([await countUndelivered(database, b.id), await storedRows(b.id)]).toEqual([2, 2]);
    // A second sweep finds nothing of theirs.
    await sweep('undelivered');
    expect([await countUndelivered(database, b.id), await storedRows(b.id)]).toEqual([2, 2]);
  });

  test('acks beside the sweep leave counters that equal the rows', async () => {
    const { a, b } = await startTalk(database, url());
    const calls = callsOf(url(), b);
    await say(url(), a, b, 20);
    await database.envelopes.updateMany(
      { recipientId: b.id, seq: { $lte: 12 } },
      { $set: { createdAt: daysAgo(100) } },
    );
    const rows = await calls.sync();
    await Promise.all([sweep('undelivered'), ...[3, 8, 14].map((at) => calls.ack(rows[at]?.['delivery_id']))]);
    const left = await storedRows(b.id);
    expect(left).toBe(rows.length - 15);
    expect(await countUndelivered(database, b.id)).toBe(left);
  });

  test('messages of more than 12 months go with envelopes and hides; the conversation and its seq stay', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const calls = callsOf(url(), b);
    const said = await say(url(), a, b, 6);
    await calls.hide(said[0]?.id ?? '');
    const before = new Date();
    before.setUTCMonth(before.getUTCMonth() - 12);
    const old = new Date(before.getTime() - 60_000);
    await database.messages.updateMany({ conversationId, seq: { $lte: 5 } }, { $set: { createdAt: old } });
    await database.guards.updateOne({ conversationId }, { $set: { createdAt: old } });
    await sweep('retention');
    expect(seqsOf(await calls.history(conversationId))).toEqual([8, 7, 6]);
    expect(await database.messages.countDocuments({ conversationId })).toBe(3);
    expect(await database.envelopes.countDocuments({ conversationId })).toBe(3);
    expect(await database.hiddenRanges.countDocuments({ conversationId })).toBe(0);
    expect(seqsOf(await calls.sync())).toEqual([6, 7, 8]);
    expect([await countUndelivered(database, b.id), await storedRows(b.id)]).toEqual([3, 3]);
    expect([await countUndelivered(database, a.id), await storedRows(a.id)]).toEqual([0, 0]);
    expect(seqsOf(await say(url(), a, b, 1))).toEqual([9]);
  });

  test('an attachment that was never uploaded is gone after the sweep', async () => {
    const { a } = await startTalk(database, url());
    const response = await fetch(`${url()}/v1/uploads`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.key}` },
      body: JSON.stringify({ filename: 'a', content_type: 'text/plain', size: 1, sha256: '0'.repeat(64) }),
    });
    const { attachment_id } = (await response.json()) as { attachment_id: string };
    const _id = `attachment:${attachment_id}`;
    await database.guards.updateOne({ _id }, { $set: { dueAt: daysAgo(1) } });
    await sweep('attachments');
    expect(await database.guards.findOne({ _id })).toBeNull();
  });
});
