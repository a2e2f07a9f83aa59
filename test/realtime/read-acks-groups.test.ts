import type { TestAgent } from '../support/agents';
import { expectExactCounters } from '../support/exact';
import { groupCalls } from '../support/groups';
import { useStack } from '../support/use-stack';
import { type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

describe('read watermarks in groups', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const open = (who: { key: string }, node = 0) => SocketClient.hello(url(node), who.key, ['ack']);
  const asSender = ({ agent, apiKey }: TestAgent): Sender => ({ id: agent._id, handle: agent.handle, key: apiKey });
  const of = (client: SocketClient, type: string) => client.frames.filter((frame) => frame.type === type);
  let refs = 0;
  const readAck = (client: SocketClient, payload: unknown): string => {
    const id = `r-${(refs += 1)}`;
    client.send({ type: 'message.read_ack', id, payload });
    return id;
  };
  test('realtime#23: read_ack through 5 over 3 senders: one message.read per sender; a repeat, none', async () => {
    const { agents, groupOf, send } = groupCalls(stack, database);
    const [reader, ...senders] = await agents(4);
    const groupId = await groupOf(reader, ...senders);
    const first = (await database.memberships.findOne({ _id: `${groupId}:${reader.agent._id}` }))?.joinedSeq;
    expect(first).toBe(1);
    const seqs = new Map<string, number>();
    for (const from of [0, 1, 2, 0, 1] as const) {
      const sender = senders[from];
      const { body } = await send(sender, groupId, `by ${from}`);
      seqs.set(sender.agent.handle, body.seq);
    }
    const last = Math.max(...seqs.values());
    const later = senders[2];
    await send(later, groupId, 'beyond the watermark');
    const eyes = await Promise.all(senders.map((sender, index) => open(asSender(sender), index % 2)));
    const own = await open(asSender(reader), 1);
    readAck(own, { conversation_id: groupId, through_seq: last });
    readAck(own, { conversation_id: groupId, through_seq: last });
    readAck(own, { conversation_id: groupId, through_seq: 1 });
    for (const [index, eye] of eyes.entries()) {
      await waitFor(() => of(eye, 'message.read').length === 1);
      const seq = seqs.get(senders[index]?.agent.handle ?? '');
      expect(of(eye, 'message.read')[0]?.payload).toMatchObject({
        conversation_id: groupId,
        seq,
        through_seq: seq,
        reader: reader.agent.handle,
        read_by: reader.agent.handle,
      });
    }
    // What the repeats would have told stands before the receipt of the rest.
    readAck(own, { conversation_id: groupId, through_seq: 1_000 });
    const eye = eyes[2];
    await waitFor(() => eye !== undefined && of(eye, 'message.read').length === 2);
    expect(eyes.map((client) => of(client, 'message.read').length)).toEqual([1, 1, 2]);
    await expectExactCounters(database, asSender(reader), [groupId]);
    for (const client of [...eyes, own]) client.end();
  });
});
