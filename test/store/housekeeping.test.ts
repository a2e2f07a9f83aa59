import { createHash } from 'node:crypto';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attachmentGuardId, newAttachment, withBytes, withReference } from '../../domain/attachments';
import { inboxInId } from '../../domain/guards';
import { createFileStore } from '../../platform/blobs/file-store';
import { newId, newOutboxId } from '../../platform/ids';
import { attachmentBlobKey, uploadBlobKey } from '../../store/attachments/attachments';
import { sweepAttachments } from '../../store/housekeeping/sweep-attachments';
import { sweepBlobs } from '../../store/housekeeping/sweep-blobs';
import { sweepOutbox } from '../../store/housekeeping/sweep-outbox';
import type { Step, StepInput } from '../../store/housekeeping/step';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { useFolder } from '../support/folder';
import { standIn } from '../support/use';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = new Date('2026-01-10T00:00:00.000Z');
const after = (ms: number): Date => new Date(START.getTime() + ms);

describe('housekeeping of files and intents', () => {
  const database = useDatabase();
  const folder = useFolder('blobs');
  const blobs = standIn(() => createFileStore(folder.path));

  const deps = () => ({ database, blobs });

  /** The whole sweep, step by step. */
  async function run(sweep: (input: StepInput) => Promise<Step>, now: Date): Promise<number> {
    let changed = 0;
    let cursor: string | null = null;
    do {
      const step: Step = await sweep({ cursor, now });
      changed += step.changed;
      cursor = step.cursor;
    } while (cursor !== null);
    return changed;
  }

  const bytes = Buffer.from('a file');

  function reserve() {
    return newAttachment({
      attachmentId: newId('attachment'),
      uploaderId: 'agt_AAAAAAAAAAAAAAAA',
      scope: null,
      filename: 'a.txt',
      contentType: 'text/plain',
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      createdAt: START,
    });
  }

  const putBytes = (attachmentId: string): Promise<void> =>
    blobs.put(attachmentBlobKey(attachmentId), bytes, { bytes: bytes.length, contentType: 'text/plain' });

  async function isKept(attachmentId: string): Promise<{ row: boolean; object: boolean }> {
    const row = await database.guards.findOne({ _id: attachmentGuardId(attachmentId) });
    return { row: row !== null, object: (await blobs.stat(attachmentBlobKey(attachmentId))) !== null };
  }

  test('an attachment without bytes goes a day after its URL ended', async () => {
    const attachment = reserve();
    await database.guards.insertOne(attachment);
    const sweep = (input: StepInput) => sweepAttachments(deps(), input);
    expect(await run(sweep, after(26 * HOUR_MS - 1))).toBe(0);
    expect(await run(sweep, after(26 * HOUR_MS))).toBe(1);
    expect(await isKept(attachment.attachmentId)).toEqual({ row: false, object: false });
  });

  test('one that no message refers to goes a week after its bytes came', async () => {
    const attachment = withBytes(reserve(), after(HOUR_MS));
    await database.guards.insertOne(attachment);
    await putBytes(attachment.attachmentId);
    const sweep = (input: StepInput) => sweepAttachments(deps(), input);
    expect(await run(sweep, after(HOUR_MS + 7 * DAY_MS - 1))).toBe(0);
    expect(await run(sweep, after(HOUR_MS + 7 * DAY_MS))).toBe(1);
    expect(await isKept(attachment.attachmentId)).toEqual({ row: false, object: false });
  });

  test('one that was sent stays as long as its newest message does', async () => {
    const target = { kind: 'direct', recipientId: 'agt_BBBBBBBBBBBBBBBB' } as const;
    const sent = withReference(withBytes(reserve(), after(HOUR_MS)), target, after(30 * DAY_MS));
    const attachment = withReference(sent, target, after(2 * DAY_MS));
    await database.guards.insertOne(attachment);
    await putBytes(attachment.attachmentId);
    const sweep = (input: StepInput) => sweepAttachments(deps(), input);
    expect(await run(sweep, new Date('2027-02-08T23:59:59.999Z'))).toBe(0);
    expect(await run(sweep, new Date('2027-02-09T00:00:00.000Z'))).toBe(1);
    expect(await isKept(attachment.attachmentId)).toEqual({ row: false, object: false });
  });

  test('bytes whose arrival nobody wrote down are found, not thrown away', async () => {
    const attachment = reserve();
    await database.guards.insertOne(attachment);
    await putBytes(attachment.attachmentId);
    expect(await run((input) => sweepAttachments(deps(), input), after(30 * HOUR_MS))).toBe(0);
    expect(await isKept(attachment.attachmentId)).toEqual({ row: true, object: true });
    await run((input) => sweepAttachments(deps(), input), after(40 * DAY_MS));
  });

  test('objects that no row names go when they are a day old, all others stay', async () => {
    const kept = withBytes(reserve(), START);
    await database.guards.insertOne(kept);
    await putBytes(kept.attachmentId);
    await database.avatars.insertOne({
      _id: 'owner/shown.webp',
      blobKey: 'avatars/owner-shown.webp.1',
      createdAt: START,
    });
    const lost = newId('attachment');
    await putBytes(lost);
    const keys = ['avatars/owner-shown.webp.1', 'avatars/g-owner-lost.webp.2', uploadBlobKey(kept.attachmentId)];
    for (const key of keys) await blobs.put(key, bytes, { bytes: bytes.length, contentType: 'text/plain' });
    const sweep = (input: StepInput) => sweepBlobs(deps(), input);
    // Everything was written a moment ago: it may be on its way.
    expect(await run(sweep, new Date())).toBe(0);
    expect(await run(sweep, new Date(Date.now() + DAY_MS + HOUR_MS))).toBe(3);
    const left = await Promise.all(
      [...keys, attachmentBlobKey(kept.attachmentId), attachmentBlobKey(lost)].map((key) => blobs.stat(key)),
    );
    expect(left.map((info) => info !== null)).toEqual([true, false, false, true, false]);
  });

  test('what interrupted writes left goes, too', async () => {
    const file = join(folder.path, '.unfinished', 'left-over');
    await blobs.put('avatars/x.webp.3', bytes, { bytes: bytes.length, contentType: 'text/plain' });
    await writeFile(file, 'half');
    await utimes(file, START, START);
    expect(await blobs.removeUnfinished(after(-1))).toBe(0);
    expect(await run((input) => sweepBlobs(deps(), input), new Date())).toBe(1);
  });

  test('intents for webhooks of agents without any go after a day, all others stay', async () => {
    const [without, having] = [await createTestAgent(database), await createTestAgent(database)];
    await database.guards.updateOne({ _id: inboxInId(having.agent._id) }, { $set: { webhooks: 1 } });
    const row = (targetId: string, createdAt: Date) => ({
      _id: newOutboxId(),
      kind: 'message.new' as const,
      targetId,
      webhookVersion: 1,
      position: 1,
      messageId: newId('message'),
      conversationId: newId('directConversation'),
      createdAt,
    });
    const [dead, young, wanted] = [
      row(without.agent._id, START),
      row(without.agent._id, after(DAY_MS)),
      row(having.agent._id, START),
    ];
    const visibility = { _id: newOutboxId(), kind: 'contacts.visibility' as const, targetId: 'x', createdAt: START };
    await database.outbox.insertMany([dead, young, wanted, visibility]);
    expect(await run((input) => sweepOutbox(deps(), input), after(DAY_MS + HOUR_MS))).toBe(1);
    const left = await database.outbox.find({}).toArray();
    expect(left.map(({ _id }) => _id).sort()).toEqual([young._id, wanted._id, visibility._id].sort());
  });
});
