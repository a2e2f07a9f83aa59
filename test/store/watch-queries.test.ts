import { explainQueries, type Explained } from '../../bench/explain';
import { fillConversations } from '../../bench/fill';
import type { TimelineCursor } from '../../domain/timeline';
import { createAgentReader } from '../../store/agents/agents';
import { listBlocks } from '../../store/contacts/blocks';
import type { Agent } from '../../store/schema/collections/agents';
import { shareConversation } from '../../store/owners/acquaintance';
import { readEvents } from '../../store/owners/events';
import { readFresh } from '../../store/owners/fresh';
import { readOwnerMessages } from '../../store/owners/messages';
import { findSignedInSessions } from '../../store/owners/sessions';
import { hintsOf } from '../../store/nodes/publish-to-owners';
import { issueTicket, takeTicket } from '../../store/owners/tickets';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';

/** As in `explain.test.ts`: an owner who opens an old agent's log must not read through all that it ever wrote. */
const PER_CONVERSATION = 2_000;
const DOCS_MAX = 500;
const BASE = Date.parse('2026-01-01T00:00:00.000Z');

describe('queries of what owners see', () => {
  const database = useDatabase({ isMonitored: true });
  let hub: Agent;
  let conversationIds: string[];

  const agents = createAgentReader(database);

  beforeAll(async () => {
    hub = (await createTestAgent(database)).agent;
    const peers = await Promise.all(Array.from({ length: 3 }, async () => (await createTestAgent(database)).agent));
    conversationIds = await fillConversations(database, {
      hub: { id: hub._id },
      peers: peers.map(({ _id }) => ({ id: _id })),
      perConversation: PER_CONVERSATION,
      stored: 500,
    });
    await spreadTimes();
    const fixed = { actorType: 'agent' as const, actorId: hub._id, targetId: hub._id, metadata: {} };
    await database.auditEvents.insertMany(
      Array.from({ length: 2_000 }, (_, index) => ({
        ...fixed,
        _id: `evt_${String(index).padStart(5, '0')}`,
        action: 'agent.blocked' as const,
        // Three of a time.
        createdAt: new Date(BASE + Math.floor(index / 3) * 7_000),
      })),
    );
    await database.blocks.insertMany(
      Array.from({ length: 2_000 }, (_, index) => ({
        _id: `${hub._id}:nobody-${index}`,
        blockerId: hub._id,
        blockedId: `nobody-${index}`,
        createdAt: new Date(BASE + index),
        counts: false,
        isHidden: index % 2 === 0,
      })),
    );
  });

  /** A message a second, one conversation after the other, as the positions of the inbox are. */
  async function spreadTimes(): Promise<void> {
    const first = await database.messages.findOne({}, { sort: { createdAt: 1 } });
    const turn = { $subtract: ['$createdAt', first?.createdAt] };
    const ms = { $add: [{ $multiply: [turn, PER_CONVERSATION * 1_000] }, { $multiply: ['$seq', 1_000] }] };
    for (const collection of [database.messages, database.envelopes]) {
      await database.db
        .collection(collection.collectionName)
        .updateMany({}, [{ $set: { createdAt: { $add: [new Date(BASE), ms] } } }]);
    }
  }

  async function expectServedByIndexes(work: () => Promise<unknown>): Promise<Explained[]> {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) {
      const { isCollectionScan, docsExamined, keysExamined, indexes, query } = one;
      expect({ one, isCollectionScan }).toEqual({ one, isCollectionScan: false });
      if (indexes.length === 0) expect(docsExamined).toBe(0);
      // A total counts the keys of its one range, no documents.
      const keysMax = query.startsWith('aggregate') ? 2_000 : DOCS_MAX + 10;
      expect([one, docsExamined <= DOCS_MAX, keysExamined <= keysMax]).toEqual([one, true, true]);
    }
    return explained;
  }

  const now = new Date(Date.now() + 60_000);
  const events = (cursor: TimelineCursor, limit: number, includeMessages = true) =>
    readEvents(database, hub._id, { cursor, limit, includeMessages, now });

  test('a page of the log costs its rows, wherever it begins', async () => {
    for (const atMs of [now.getTime(), BASE + 5_000_000, BASE + 3_000, BASE]) {
      for (const cursor of [
        { atMs, skip: Infinity },
        { atMs, skip: 2 },
      ]) {
        const explained = await expectServedByIndexes(() => events(cursor, 100));
        const indexes = new Set(explained.flatMap((one) => one.indexes));
        expect([...indexes]).toEqual(expect.arrayContaining(['sender_created', 'target_created_id']));
        expect(explained.length).toBeLessThan(60);
      }
    }
    await expectServedByIndexes(() => events({ atMs: now.getTime(), skip: 0 }, 1, false));
  });

  test('all pages together are all that was recorded, sent and received, in order, each once', async () => {
    const seen: { id: string; at: Date }[] = [];
    for (let cursor: TimelineCursor | null = { atMs: now.getTime(), skip: 0 }; cursor !== null;) {
      const page: Awaited<ReturnType<typeof events>> = await events(cursor, 100);
      seen.push(...page.events);
      cursor = page.next;
    }
    const messages = await database.messages.find({}, { projection: { _id: 1 } }).toArray();
    const recorded = await database.auditEvents.find({ targetId: hub._id }, { projection: { _id: 1 } }).toArray();
    expect(seen.map(({ id }) => id).sort()).toEqual([...messages, ...recorded].map(({ _id }) => _id).sort());
    const times = seen.map(({ at }) => at.getTime());
    expect(times).toEqual([...times].sort((one, other) => other - one));
  });

  test('small pages of a busy second are all of it, each message once', async () => {
    const [busy, peer] = [await createTestAgent(database), await createTestAgent(database)];
    const [conversationId] = await fillConversations(database, {
      hub: { id: busy.agent._id },
      peers: [{ id: peer.agent._id }],
      perConversation: 200,
      stored: 50,
    });
    for (const { collectionName } of [database.messages, database.envelopes]) {
      const createdAt = { $add: [new Date(BASE), { $multiply: ['$seq', 5] }] };
      await database.db.collection(collectionName).updateMany({ conversationId }, [{ $set: { createdAt } }]);
    }
    const seen: string[] = [];
    for (let cursor: TimelineCursor | null = { atMs: now.getTime(), skip: 0 }; cursor !== null;) {
      const query = { cursor, limit: 2, includeMessages: true, now };
      const page: Awaited<ReturnType<typeof events>> = await readEvents(database, busy.agent._id, query);
      seen.push(...page.events.flatMap((event) => (event.kind === 'audit' ? [] : [event.id])));
      cursor = page.next;
    }
    const messages = await database.messages.find({ conversationId }, { projection: { _id: 1 } }).toArray();
    expect([seen.length, seen.toSorted()]).toEqual([200, messages.map(({ _id }) => _id).sort()]);
  });

  test('messages, blocks, profiles and hints look at what they show', async () => {
    const [conversationId = ''] = conversationIds;
    for (const page of [{ conversationId }, { conversationId, beforeSeq: 1_000 }]) {
      const explained = await expectServedByIndexes(() => readOwnerMessages(database, agents, hub, page));
      expect(explained.flatMap(({ indexes }) => indexes)).toContain('conversation_seq');
    }
    const listed = await expectServedByIndexes(() => listBlocks(database, hub._id, { limit: 100, offset: 50 }));
    expect(listed.flatMap(({ indexes }) => indexes)).toContain('blocker_hidden_created');
    await expectServedByIndexes(() => shareConversation(database, hub._id, 'agt_nobody'));
    await expectServedByIndexes(() => hintsOf(database, [{ agentId: hub._id, scopes: ['profile'] }]));
    const message = await database.messages.findOne({ conversationId, seq: 1 });
    const note = {
      kind: 'message' as const,
      ownerId: 'x',
      agentId: hub._id,
      messageId: message?._id ?? '',
      position: 1,
    };
    await expectServedByIndexes(() => readFresh(database, [note]));
  });

  test('tickets and sessions are found by their ids', async () => {
    const holder = { ownerId: 'x', sessionId: 'dsh_x' };
    await expectServedByIndexes(async () => {
      expect(await takeTicket(database, await issueTicket(database, holder))).toEqual(holder);
    });
    await expectServedByIndexes(() => findSignedInSessions(database, ['dsh_x'], new Date()));
  });
});
