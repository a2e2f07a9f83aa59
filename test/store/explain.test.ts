import { explainQueries, type Explained } from '../../bench/explain';
import { fillConversations } from '../../bench/fill';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import { createCommitter, type Committer } from '../../store/sending/committer';
import { describeConversation, listParticipants } from '../../store/conversations/conversation-context';
import { listConversations } from '../../store/conversations/conversations';
import { readHistory } from '../../store/conversations/history';
import { readLive, readStored } from '../../store/inbox/inbox';
import { hideConversation } from '../../store/conversations/hide-conversation';
import { hideMessageFor } from '../../store/conversations/hide-message';
import { createMarkRead, markReadThrough } from '../../store/conversations/read-messages';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';

/**
 * Each hot operation runs against conversations of 2,000 messages; every query that it sends is explained. A page has
 * at most 200 rows, so a query that looks at more than a few hundred documents grows with history.
 */
const PER_CONVERSATION = 2_000;
const DOCS_MAX = 500;

describe('queries of the message path', () => {
  const database = useDatabase({ isMonitored: true });
  let committer: Committer;
  let hub: Agent;
  let peers: Agent[];
  let conversationIds: string[];

  const agents = createAgentReader(database);

  beforeAll(async () => {
    committer = createCommitter({
      database,
      agents,
      clock: { now: () => new Date() },
      log: createLogger('test', 'silent'),
      limitRate: false,
      observe: () => undefined,
    });
    hub = (await createTestAgent(database)).agent;
    peers = await Promise.all(Array.from({ length: 3 }, async () => (await createTestAgent(database)).agent));
    conversationIds = await fillConversations(database, {
      hub: { id: hub._id },
      peers: peers.map(({ _id }) => ({ id: _id })),
      perConversation: PER_CONVERSATION,
      stored: 1_500,
    });
  });

  async function expectServedByIndexes(work: () => Promise<unknown>): Promise<Explained[]> {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) {
      const { isCollectionScan, docsExamined, keysExamined, indexes } = one;
      expect({ one, isCollectionScan }).toEqual({ one, isCollectionScan: false });
      if (indexes.length === 0) expect(docsExamined).toBe(0);
      expect([one, docsExamined <= DOCS_MAX, keysExamined <= DOCS_MAX + 10]).toEqual([one, true, true]);
    }
    return explained;
  }

  const indexesOf = (explained: Explained[], collection: string) =>
    explained.filter((one) => one.collection === collection).flatMap(({ indexes }) => indexes);
  const [first, second, third] = [0, 1, 2];
  const conversation = (index: number): string => conversationIds[index] ?? '';
  const messageAt = async (index: number, seq: number): Promise<string> => {
    const message = await database.messages.findOne({ conversationId: conversation(index), seq });
    return message?._id ?? '';
  };
  const history = (page: object, limit = 200) =>
    readHistory(database, agents, hub, { conversationId: conversation(first), limit, ...page });

  test('a send reads and writes by ids alone', async () => {
    const sender = peers[first] ?? hub;
    const { _id: id, handle, isSystem, keyVersion } = sender;
    await expectServedByIndexes(async () => {
      for (const clientMsgId of ['explain-1', 'explain-2', 'explain-2']) {
        await committer.send({
          sender: { id, handle, isSystem, keyVersion, isCached: false },
          to: hub.handle,
          clientMsgId,
          type: 'text',
          content: '{"text":"hi"}',
          metadata: '{}',
          attachmentId: null,
        });
      }
    });
  });

  test('sync and ack look at stored rows only', async () => {
    const page = { after: 0, limit: 200, includeMuted: true, writtenOff: undefined };
    const synced = await expectServedByIndexes(() => readStored(database, agents, hub, page));
    expect(indexesOf(synced, 'envelopes')).toEqual(['recipient_stored']);
    await expectServedByIndexes(() => committer.ackThrough({ recipientId: hub._id, upTo: 1_600 }));
  });

  test('a socket that is behind reads what came since, whether another one had it delivered or not', async () => {
    const page = { after: 1_500, upTo: 1_550, limit: 200, includeMuted: false, writtenOff: undefined };
    const live = await expectServedByIndexes(() => readLive(database, agents, hub, page));
    expect(indexesOf(live, 'envelopes')).toEqual(['_id_']);
  });

  test('history pages cost their rows, with every cursor and beside many hidden messages', async () => {
    for (let seq = 1_999; seq > 1_700; seq -= 2)
      await hideMessageFor(database, hub._id, await messageAt(first, seq), new Date());
    const rows = await history({ limit: 5 }, 5);
    expect(rows.map(({ message }) => message.seq)).toEqual([2_002, 2_001, 2_000, 1_998, 1_996]);
    const anchor = await messageAt(first, 900);
    for (const page of [
      {},
      { beforeSeq: 1_000 },
      { afterSeq: 1_000 },
      { afterSeq: 1_690 },
      { aroundMessageId: anchor },
    ]) {
      const explained = await expectServedByIndexes(() => history(page));
      expect(indexesOf(explained, 'messages')).toContain('conversation_seq');
      expect(indexesOf(explained, 'envelopes')).toEqual(['recipient_conversation']);
    }
  });

  test('lists, contexts and participants look at what they show', async () => {
    const page = { limit: 50, offset: 0 };
    const listed = await expectServedByIndexes(() => listConversations(database, hub._id, page, new Date()));
    expect(indexesOf(listed, 'guards')).toContain('listed_last_message');
    expect(new Set(indexesOf(listed, 'envelopes'))).toEqual(new Set(['recipient_conversation']));
    await expectServedByIndexes(() => describeConversation(database, hub._id, conversation(second)));
    await expectServedByIndexes(() => listParticipants(database, hub._id, conversation(second)));
  });

  test('reads and hides look at the rows that they change', async () => {
    const newest = await messageAt(second, PER_CONVERSATION - 1);
    const explained = await expectServedByIndexes(() => createMarkRead(database)(hub, newest, new Date(), hub));
    expect(indexesOf(explained, 'envelopes')).toContain('recipient_conversation');
    expect(indexesOf(explained, 'agents')).toEqual(['_id_']);
    const through = { conversationId: conversation(third), throughSeq: 800 };
    await expectServedByIndexes(() => markReadThrough(database, hub, through, new Date()));
    await expectServedByIndexes(() => markReadThrough(database, hub, through, new Date()));
    const hidden = await messageAt(second, 1_001);
    await expectServedByIndexes(() => hideMessageFor(database, hub._id, hidden, new Date(), hub));
    await expectServedByIndexes(() => hideConversation(database, hub._id, conversation(third), hub));
  });

  test('a query without an index is noticed', async () => {
    const explained = await explainQueries(database, () => database.messages.findOne({ content: 'no index' }));
    expect(explained).toMatchObject([{ isCollectionScan: true, docsExamined: 6_002 }]);
  });
});
