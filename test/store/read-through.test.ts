import type { CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent } from 'mongodb';
import { makeGroup } from '../../bench/group-fixture';
import { markReadThrough } from '../../store/conversations/read-messages';
import { envelopeId } from '../../store/schema/collections/messages';
import { useDatabase } from '../support/database';
import { makeSenders } from '../support/traffic';

describe('one read of what many wrote', () => {
  const SENDERS = 255;
  /** A process reads for eight agents at once, from a pool of 32 connections: four each would be all of them. */
  const AT_ONCE_MAX = 3;
  const database = useDatabase({ isMonitored: true });

  /** The most look-ups of one command that ran at once while `work` did. */
  async function mostAtOnce(command: string, work: () => Promise<unknown>): Promise<number> {
    let running = 0;
    let most = 0;
    const started = ({ commandName }: CommandStartedEvent) => {
      if (commandName === command) most = Math.max(most, (running += 1));
    };
    const ended = ({ commandName }: CommandSucceededEvent | CommandFailedEvent) => {
      if (commandName === command) running -= 1;
    };
    const { client } = database;
    client.on('commandStarted', started).on('commandSucceeded', ended).on('commandFailed', ended);
    await work();
    client.off('commandStarted', started).off('commandSucceeded', ended).off('commandFailed', ended);
    return most;
  }

  // One frame over a busy group took every connection of the process, and sends waited behind it.
  test('realtime#23: a read over 255 senders tells each how far it is read, with few look-ups at once', async () => {
    const [reader] = await makeSenders(database, 1);
    const senders = await makeSenders(database, SENDERS);
    const groupId = await makeGroup(database, [reader, ...senders]);
    const createdAt = new Date();
    const rows = senders.map(({ id: senderId }, index) => ({ senderId, seq: index + 1 }));
    // The first wrote once more, beyond what is read.
    rows.push({ senderId: senders[0]?.id ?? '', seq: SENDERS + 1 });
    await database.envelopes.insertMany(
      rows.map(({ senderId, seq }) => ({
        _id: envelopeId(reader.id, seq),
        recipientId: reader.id,
        position: seq,
        messageId: `msg_${seq}`,
        conversationId: groupId,
        seq,
        senderId,
        status: 'stored' as const,
        unread: 'shown' as const,
        createdAt,
      })),
    );
    let receipts: Awaited<ReturnType<typeof markReadThrough>> = [];
    const through = { conversationId: groupId, throughSeq: SENDERS };
    const most = await mostAtOnce('aggregate', async () => {
      receipts = await markReadThrough(database, { _id: reader.id, handle: reader.handle }, through, new Date());
    });
    expect(receipts.map(({ senderId, seq, throughSeq }) => [senderId, seq, throughSeq])).toEqual(
      senders.map(({ id }, index) => [id, index + 1, index + 1]),
    );
    expect(most).toBeLessThanOrEqual(AT_ONCE_MAX);
  });
});
