import { Binary } from 'mongodb';
import { explainQueries, type Explained } from '../../bench/explain';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { isAcquainted } from '../../store/gateway/contacts';
import {
  executionsOfMessages,
  findExecution,
  findOpenTurns,
  listExecutions,
  loadExecution,
  noteAccepted,
  readEvents,
} from '../../store/gateway/executions';
import { handOver } from '../../store/gateway/hand-over';
import { settleReplies } from '../../store/gateway/replies';
import { readSessionMessages } from '../../store/gateway/session-messages';
import {
  closeSession,
  countSessions,
  createSession,
  currentSession,
  emailsOf,
  findAgentsWithSessions,
  findSession,
  listSessions,
  loadSession,
} from '../../store/gateway/sessions';
import { ownerPrincipal } from '../../store/gateway/principals';
import { findKey, insertKey, listKeys, deleteKey } from '../../store/gateway/keys';
import { countUnread, findUnread } from '../../store/gateway/unread';
import { listOpenTurns, loadAgentTurn, streamedText, takeTurnFrames } from '../../store/gateway/turn-events';
import { renameSession } from '../../store/gateway/sessions';
import { detachTurn, endTurn, loadTurn, startTurn } from '../../store/gateway/turns';
import { flowInputOf, settleEnded, settleStarted } from '../../store/gateway/turn-outbox';
import type { Agent } from '../../store/schema/collections/agents';
import {
  turnEventId,
  type GatewayExecution,
  type GatewayKey,
  type GatewaySession,
} from '../../store/schema/collections/gateway';
import { createCommitter, type Committer } from '../../store/sending/committer';
import { findLastSignIn } from '../../store/verification/pendings';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';

/** One agent with this many sessions and turns, most of them of one user: what they cost must not grow with them. */
const SESSIONS = 2_000;
/** A page has 50 rows here. */
const PAGE = 50;
const DOCS_MAX = 120;
const BASE = Date.parse('2026-01-01T00:00:00.000Z');
const at = (index: number) => new Date(BASE + index * 1_000);
const now = new Date();

describe('queries of the chat gateway', () => {
  const database = useDatabase({ isMonitored: true });
  const user = ownerPrincipal({ id: 'own_user', displayName: null });
  let hub: Agent;
  let committer: Committer;

  const sessionRow = (index: number, change: Partial<GatewaySession> = {}): GatewaySession => ({
    _id: `ses_${index}`,
    agentId: hub._id,
    guestId: `agt_guest_${index}`,
    guestHandle: `guest-${index}`,
    conversationId: null,
    principal: user.key,
    ownerId: user.ownerId,
    kind: 'chat',
    // The few closed ones are the oldest: a list of them must not walk over all others.
    status: index < 10 ? 'closed' : 'active',
    turns: [],
    startedAt: at(index),
    activeAt: at(index),
    lastMessageAt: null,
    messageCount: 0,
    ...change,
  });
  const executionRow = (index: number, change: Partial<GatewayExecution> = {}): GatewayExecution => ({
    _id: `exe_${index}`,
    sessionId: `ses_${index % 100}`,
    agentId: hub._id,
    guestId: `agt_guest_${index % 100}`,
    principal: user.key,
    channel: 'chat',
    rank: 0,
    status: index < 10 ? 'failed' : 'completed',
    message: 'Hello',
    wantsStream: false,
    hints: {},
    messageId: `msg_${index}`,
    response: 'Hi',
    replies: [{ messageId: `msg_re_${index}`, isLate: false }],
    error: null,
    lastEvent: 3,
    queuedBehind: 0,
    queuedAt: at(index),
    startedAt: at(index),
    completedAt: at(index),
    waitUntil: at(index),
    deadlineAt: at(index),
    ...change,
  });

  beforeAll(async () => {
    hub = (await createTestAgent(database)).agent;
    committer = createCommitter({
      database,
      agents: createAgentReader(database),
      clock: { now: () => new Date() },
      log: createLogger('test', 'silent'),
      limitRate: false,
      observe: () => undefined,
    });
    const rows = Array.from({ length: SESSIONS }, (_, index) => index);
    await database.gatewaySessions.insertMany([
      ...rows.map((index) => sessionRow(index)),
      sessionRow(SESSIONS, { isCurrent: true, principal: 'owner:other', ownerId: 'own_other' }),
    ]);
    await database.gatewayExecutions.insertMany(rows.map((index) => executionRow(index)));
    await database.gatewayEvents.insertMany(
      rows.map((n) => ({
        _id: turnEventId('exe_1', n),
        executionId: 'exe_1',
        n,
        type: 'text' as const,
        data: {},
        at: now,
        expiresAt: new Date(now.getTime() + 86_400_000),
      })),
    );
    await database.gatewayKeys.insertMany(
      rows.map((index) => ({ ...key, _id: `gky_${index}`, keyHash: `hash ${index}`, ownerId: `own_${index}` })),
    );
    await database.gatewayContacts.insertMany(
      rows.map((index) => ({
        _id: `owner:${index}:${hub._id}`,
        ownerId: `owner:${index}`,
        agentId: hub._id,
        guestId: `agt_guest_${index}`,
        createdAt: now,
      })),
    );
    // Rows that the relay has not come to yet, as after an outage of the Temporal server.
    await database.outbox.insertMany(
      rows.flatMap((index) => [
        { _id: `obx_s${index}`, kind: 'turn.started' as const, executionId: `exe_o${index}`, createdAt: now },
        {
          _id: `obx_e${index}`,
          kind: 'turn.ended' as const,
          executionId: `exe_o${index}`,
          nextId: null,
          createdAt: now,
        },
        {
          _id: `obx_r${index}`,
          kind: 'turn.replied' as const,
          guestId: `agt_guest_${index}`,
          messageId: `msg_none_${index}`,
          seq: 2,
          createdAt: now,
        },
      ]),
    );
    await database.pendings.insertMany(
      rows.map((index) => ({
        _id: `dpnd_${index}`,
        purpose: 'sign_in' as const,
        email: `user-${index}@example.com`,
        agentId: null,
        handle: null,
        displayName: null,
        description: null,
        keyId: 'k',
        createdAt: now,
        expiresAt: new Date(now.getTime() + 600_000),
      })),
    );
  });

  async function expectServedByIndexes(work: () => Promise<unknown>, docsMax = DOCS_MAX): Promise<Explained[]> {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) {
      expect({ ...one, isCollectionScan: false }).toEqual(one);
      expect([one, one.docsExamined <= docsMax, one.keysExamined <= docsMax + 10]).toEqual([one, true, true]);
    }
    return explained;
  }

  const mine = () => ({ agentId: hub._id, principal: user, limit: PAGE });
  const everybodys = () => ({ agentId: hub._id, limit: PAGE });
  const lists: [string, () => object][] = [
    ["a caller's", mine],
    ["everybody's", everybodys],
  ];

  test.each(lists)('%s sessions cost their page, from any cursor', async (_whose, scope) => {
    for (const more of [{}, { status: 'active' }, { after: { activeAt: at(1_000), id: 'ses_1000' } }]) {
      const page = { ...scope(), ...more } as Parameters<typeof listSessions>[1];
      expect(await listSessions(database, page)).toHaveLength(PAGE);
      await expectServedByIndexes(() => listSessions(database, page));
    }
  });

  test.each(lists)('%s sessions of a rare status are fetched alone, and counted without a fetch', async (_, scope) => {
    const page = { ...scope(), status: 'closed' } as Parameters<typeof listSessions>[1];
    expect(await listSessions(database, page)).toHaveLength(10);
    const [listed] = await explainQueries(database, () => listSessions(database, page));
    expect(listed).toMatchObject({ isCollectionScan: false, docsExamined: 10 });
    for (const counted of [page, { ...page, status: 'active' as const }, scope() as typeof page]) {
      const [explained] = await explainQueries(database, () => countSessions(database, counted));
      expect(explained).toMatchObject({ isCollectionScan: false, docsExamined: 0 });
    }
  });

  test.each(lists)(
    '%s executions cost their page, from any cursor, for a session and since a time',
    async (_, scope) => {
      for (const more of [
        {},
        { status: 'completed' },
        { after: { queuedAt: at(1_000), id: 'exe_1000' } },
        { since: at(SESSIONS - 60) },
      ]) {
        const page = { ...scope(), ...more } as Parameters<typeof listExecutions>[1];
        expect(await listExecutions(database, page)).toHaveLength(PAGE);
        await expectServedByIndexes(() => listExecutions(database, page));
      }
      const ofSession = { ...scope(), sessionId: 'ses_7' } as Parameters<typeof listExecutions>[1];
      expect(await listExecutions(database, ofSession)).toHaveLength(20);
      await expectServedByIndexes(() => listExecutions(database, ofSession));
    },
  );

  test.each(lists)('%s executions of a rare status are fetched alone', async (_, scope) => {
    const page = { ...scope(), status: 'failed' } as Parameters<typeof listExecutions>[1];
    expect(await listExecutions(database, page)).toHaveLength(10);
    const [explained] = await explainQueries(database, () => listExecutions(database, page));
    expect(explained).toMatchObject({ isCollectionScan: false, docsExamined: 10 });
  });

  const key: GatewayKey = {
    _id: 'gky_7',
    ownerId: 'own_7',
    name: 'app',
    keyHash: 'hash 7',
    keyPrefix: 'gwk_7',
    agentId: null,
    callbackSecret: { keyId: 'k', bytes: new Binary(Buffer.from('x')) },
    createdAt: now,
    lastUsedAt: null,
  };

  const small: [string, () => Promise<unknown>][] = [
    ['a session of the caller', () => findSession(database, 'ses_7', { principal: user, agentId: hub._id })],
    ['a session', () => loadSession(database, 'ses_7')],
    [
      'the current session',
      () => currentSession(database, ownerPrincipal({ id: 'other', displayName: null }), hub._id, now),
    ],
    ['a new session', () => createSession(database, user, hub._id, now)],
    ['addresses of users', () => emailsOf(database, [sessionRow(1), sessionRow(2)])],
    ['agents with sessions', () => findAgentsWithSessions(database, user)],
    ['closing', () => closeSession(database, 'ses_7', now)],
    ['an acquaintance', () => isAcquainted(database, { ownerId: 'owner:nobody', agentId: hub._id })],
    ['an execution of the caller', () => findExecution(database, 'exe_7', { principal: user, agentId: hub._id })],
    ['an execution', () => loadExecution(database, 'exe_7')],
    ['a turn', () => loadTurn(database, 'exe_7')],
    ['what a flow is started with', () => flowInputOf(database, 'exe_7')],
    ['open turns of a session', () => findOpenTurns(database, 'ses_7')],
    ['events behind one of them', () => readEvents(database, 'exe_1', { after: 1_000, limit: 3 })],
    ['a row of a turn that started', () => settleStarted(database, 'exe_o7')],
    ['a row of a turn that ended', () => settleEnded(database, { executionId: 'exe_o7', nextId: null })],
    ['a reply that was settled before', () => settleReplies(database, 'agt_guest_7')],
    ['a title', () => renameSession(database, 'ses_7', 'Plans')],
    ['unread counts', () => countUnread(database, [sessionRow(1), sessionRow(2)])],
    ['an inbox', () => findUnread(database, [sessionRow(1), sessionRow(2)], { limit: PAGE })],
    ['open turns of an agent', () => listOpenTurns(database, hub._id, PAGE)],
    ['a turn of its agent', () => loadAgentTurn(database, hub._id, 'exe_7').catch(() => null)],
    [
      'frames of a turn',
      () => takeTurnFrames(database, { agentId: hub._id, executionId: 'exe_7' }, [], now).catch(() => null),
    ],
    ['the text of a stream', () => streamedText(database, 'exe_7')],
    ['a key', () => findKey(database, 'no such hash')],
    ['a new key', () => insertKey(database, { ...key, _id: 'gky_new', keyHash: 'new' })],
    ['keys of an owner', () => listKeys(database, 'own_7')],
    ['the end of a key', () => deleteKey(database, 'own_7', 'gky_7')],
    [
      'the last sign-in of an address',
      () => findLastSignIn(database, { email: 'user-7@example.com', isKnownDevice: false, now }),
    ],
  ];

  test.each(small)('%s: its own rows only, by an index', async (_name, work) => {
    await expectServedByIndexes(work, 5);
  });

  test('the turns of the messages of a page are found by these messages', async () => {
    const ids = Array.from({ length: PAGE }, (_, index) => (index % 2 === 0 ? `msg_${index}` : `msg_re_${index}`));
    expect((await executionsOfMessages(database, ids)).get('msg_re_7')?._id).toBe('exe_7');
    const explained = await expectServedByIndexes(() => executionsOfMessages(database, ids));
    expect(new Set(explained.flatMap(({ indexes }) => indexes))).toEqual(
      new Set(['message', 'reply', 'earlier_message']),
    );
  });

  test('a turn from its start to its answer, and what is read of it then, look at its own rows', async () => {
    const principal = ownerPrincipal({ id: 'own_walker', displayName: null });
    const clock = { now: () => new Date() };
    const session = await createSession(database, principal, hub._id, now);
    const deadlineAt = new Date(now.getTime() + 900_000);
    const turn = {
      session,
      channel: 'chat' as const,
      contactOf: principal.ownerId,
      message: 'Hi',
      wantsStream: false,
      hints: {},
      waitUntil: deadlineAt,
      deadlineAt,
      now,
    };
    const ids: string[] = [];
    await expectServedByIndexes(async () => {
      ids.push((await startTurn(database, turn))._id);
      ids.push((await startTurn(database, { ...turn, contactOf: null }))._id);
      await handOver({ database, committer, clock }, ids[0] ?? '');
    }, 5);
    const { _id: id, handle, isSystem, keyVersion } = hub;
    await committer.send({
      sender: { id, handle, isSystem, keyVersion, isCached: false },
      to: session.guestHandle,
      clientMsgId: 'answer',
      type: 'text',
      content: '{"text":"Hello"}',
      metadata: '{}',
      attachmentId: null,
    });
    await expectServedByIndexes(async () => {
      await noteAccepted(database, (await loadExecution(database, ids[0] ?? '')) ?? executionRow(0));
      await settleReplies(database, session.guestId);
    }, 5);
    expect(await loadExecution(database, ids[0] ?? '')).toMatchObject({ status: 'completed', response: 'Hello' });
    await expectServedByIndexes(async () => {
      await handOver({ database, committer, clock }, ids[1] ?? '');
      await detachTurn(database, ids[1] ?? '', now);
      await endTurn(database, ids[1] ?? '', { status: 'cancelled', at: now });
      const { rows } = await readSessionMessages(database, await loadSession(database, session._id), { limit: PAGE });
      expect(rows.map(({ execution }) => execution?._id)).toEqual([ids[0], ids[0], ids[1]]);
    }, 6);
  });
});
