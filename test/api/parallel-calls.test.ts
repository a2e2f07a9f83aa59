import { readThroughSeq } from '../../store/conversations/read-through';
import { SocketClient } from '../realtime/socket-client';
import { callsOf, say, startTalk, type Row, type Talk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { makeSenders, request, type Answer, type Sender } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** More than a client makes at once; fewer fail on a slow machine, or beside other load. */
const CALLS = 200;

/**
 * What would go unseen otherwise: calls that write one document try again when another was faster. With enough of them
 * at once the unlucky ones use up their tries, and their callers get a 500.
 */
describe('two hundred calls of one agent at once, over two api processes', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  /** An agent of its own for each call. */
  let others: Sender[];

  beforeAll(async () => {
    others = await makeSenders(database, CALLS as number);
  });

  const urlOf = (index: number): string => url(index % 2);

  /** Sends so many messages, in the order of their `seq`. */
  async function sayMany(from: Sender, to: Sender): Promise<Row[]> {
    const sent = await Promise.all([0, 1, 2, 3].map(() => say<number>(url(), from, to, CALLS / 4)));
    return sent.flat().sort((one, other) => one.seq - other.seq);
  }

  /** Statuses and how often each came. */
  async function outcomes(calling: (index: number) => Promise<Answer>): Promise<Record<string, number>> {
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, index) => calling(index)));
    const counts: Record<string, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  test('messaging#25: many messages read at once: each call 200, each message told once, counters exact', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await sayMany(a, b);
    const client = await SocketClient.hello(url(1), a.key);
    const answers = await outcomes((index) => callsOf(urlOf(index), b).read(String(sent[index]?.id)));
    expect(answers).toEqual({ 200: CALLS });
    const newest = Math.max(...sent.map(({ seq }) => seq));
    const lane = { readerId: b.id, senderId: a.id, conversationId };
    // The opener alone is unread, before all of them.
    expect(await readThroughSeq(database, lane)).toBe(0);
    expect(await database.envelopes.countDocuments({ recipientId: b.id, status: 'read' })).toBe(CALLS);
    await expectExactCounters(database, b, [conversationId]);
    const told = () => client.frames.flatMap(({ type, payload }) => (type === 'message.read' ? [payload?.seq] : []));
    await waitFor(() => told().includes(newest));
    await waitFor(() => told().length === CALLS);
    expect([...told()].sort((one, other) => Number(one) - Number(other))).toEqual(sent.map(({ seq }) => seq));
    client.end();
  });

  test('messaging#25: one message read many times at once is read once, and every caller gets that time', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [message] = await say(url(), a, b);
    const times = new Set<unknown>();
    const answers = await outcomes(async (index) => {
      const answer = await callsOf(urlOf(index), b).read(String(message?.id));
      times.add(answer.body['read_at']);
      return answer;
    });
    expect(answers).toEqual({ 200: CALLS });
    expect(times.size).toBe(1);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('messaging#26: many messages hidden and read at once: each call 200, counters exact', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await sayMany(a, b);
    const answers = await outcomes((index) => {
      const calls = callsOf(urlOf(index), b);
      const id = String(sent[index >> 1]?.id);
      return index % 4 < 2 ? calls.hide(id) : calls.read(id);
    });
    expect(answers).toEqual({ 200: CALLS });
    await expectExactCounters(database, b, [conversationId]);
  });

  interface Case extends Talk {
    index: number;
    groupId: string;
  }

  const post = (path: string, body: (of: Case) => object) => (of: Case) =>
    request(urlOf(of.index) + path, of.b.key, 'POST', body(of));

  test.each<[string, number, (of: Case) => Promise<Answer>]>([
    [
      'hides of one conversation',
      200,
      ({ b, index, conversationId }) => callsOf(urlOf(index), b).hideConversation(conversationId),
    ],
    ['mutes of one agent', 201, post('/v1/mutes', ({ a }) => ({ target_kind: 'agent', target_handle: a.handle }))],
    [
      'mutes of many agents',
      201,
      post('/v1/mutes', ({ index }) => ({ target_kind: 'agent', target_handle: others[index]?.handle })),
    ],
    ['additions of one contact', 201, post('/v1/contacts', ({ a }) => ({ handle: a.handle }))],
    ['additions of many contacts', 201, post('/v1/contacts', ({ index }) => ({ handle: others[index]?.handle }))],
    [
      'blocks of one agent',
      200,
      ({ a, b, index }) => request(`${urlOf(index)}/v1/contacts/${a.handle}/block`, b.key, 'POST'),
    ],
    [
      'blocks of many agents',
      200,
      ({ b, index }) => request(`${urlOf(index)}/v1/contacts/${others[index]?.handle ?? ''}/block`, b.key, 'POST'),
    ],
    [
      'changes of presence',
      200,
      ({ b, index }) =>
        request(`${urlOf(index)}/v1/presence`, b.key, 'PUT', { status: 'busy', custom_message: `${index}` }),
    ],
    [
      'changes of a profile',
      200,
      ({ b, index }) =>
        request(`${urlOf(index)}/v1/agents/${b.handle}`, b.key, 'PATCH', { display_name: `name ${index}` }),
    ],
    [
      'renames of a group',
      200,
      ({ b, groupId, index }) =>
        request(`${urlOf(index)}/v1/groups/${groupId}`, b.key, 'PATCH', { name: `name ${index}` }),
    ],
  ])('%s: each call is answered with its success', async (_, status, calling) => {
    const talk = await startTalk(database, url());
    const group = await request(`${url()}/v1/groups`, talk.b.key, 'POST', { name: 'name', member_handles: [] });
    const groupId = String((group.body['group'] as { id?: string } | undefined)?.id);
    expect(await outcomes((index) => calling({ ...talk, groupId, index }))).toEqual({ [status]: CALLS });
  });
});
