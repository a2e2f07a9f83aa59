import { countersOf } from '../support/backlog';
import { useStack } from '../support/use-stack';
import { drainOnce, makeSenders, send, type Sender } from '../support/traffic';
import { itemAt } from '../support/exactly';

/** What would go unseen otherwise: a position or seq that becomes visible out of order makes ack-up-to skip it. */
describe('many senders on two processes against few recipients who sync and ack', () => {
  const SENDERS = 24;
  const EACH = 25;
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const urlFor = (index: number): string => url(index % stack.baseUrls.length);

  test('messaging#2, messaging#23: every 201 is seen exactly once, seq has no gaps, counters equal the rows', async () => {
    const senders = await makeSenders(database, SENDERS);
    const recipients = await makeSenders(database, 3);
    await establishAll(senders, recipients);
    const accepted = new Map<string, string[]>();
    const seen = new Map<string, string[]>();
    let isSending = true;
    const readers = recipients.map(async (recipient, index) => {
      const ids: string[] = [];
      for (let calls = 0; ; calls += 1) {
        const wasSending = isSending;
        const page = await drainOnce(urlFor(calls + index), recipient);
        ids.push(...page.map(({ id }) => id));
        if (!wasSending && page.length === 0) break;
      }
      seen.set(recipient.id, ids);
    });
    await Promise.all(
      senders.map(async (sender, index) => {
        for (let count = 0; count < EACH; count += 1) {
          const to = itemAt(recipients, (index + count) % recipients.length);
          const answer = await send(urlFor(index + count), sender, to, `stress-${index}-${count}`);
          expect(answer.status).toBe(201);
          accepted.set(to.id, [...(accepted.get(to.id) ?? []), String(answer.body.id)]);
        }
      }),
    );
    isSending = false;
    await Promise.all(readers);
    for (const { id } of recipients) expect(seen.get(id)?.sort()).toEqual(accepted.get(id)?.sort());
    await expectExact(recipients);
  });

  async function establishAll(senders: Sender[], recipients: Sender[]): Promise<void> {
    for (const recipient of recipients) {
      await Promise.all(
        senders.map(async (sender, index) => {
          await send(urlFor(index), sender, recipient, `open-${recipient.id}`);
          await send(urlFor(index), recipient, sender, `reply-${sender.id}`);
        }),
      );
      while ((await drainOnce(urlFor(0), recipient)).length > 0);
    }
  }

  async function expectExact(recipients: Sender[]): Promise<void> {
    for (const { id } of recipients) {
      const { counted } = await countersOf(database, { id });
      const stored = await database.envelopes.countDocuments({ recipientId: id, status: 'stored' });
      const positions = await database.envelopes.find({ recipientId: id }).sort({ position: 1 }).toArray();
      expect(counted).toBe(stored);
      expect(positions.map((row) => row.position)).toEqual(positions.map((_row, index) => index + 1));
    }
    const conversations = await database.messages.distinct('conversationId');
    for (const conversationId of conversations) {
      const rows = await database.messages.find({ conversationId }).sort({ seq: 1 }).toArray();
      expect(rows.map((row) => row.seq)).toEqual(rows.map((_row, index) => index + 1));
      const times = rows.map((row) => row.createdAt.getTime());
      expect([...times].sort((one, other) => one - other)).toEqual(times);
    }
  }
});
