import { Binary } from 'mongodb';
import { explainQueries, type Explained } from '../../bench/explain';
import { TALK_KINDS } from '../../contract/gateway';
import { countTurns, findActive, readTools } from '../../store/gateway/activity';
import { listExecutions } from '../../store/gateway/executions';
import { ownerPrincipal } from '../../store/gateway/principals';
import { readMessagesOf } from '../../store/gateway/session-messages';
import { countSessions, listSessions } from '../../store/gateway/sessions';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { Message } from '../../store/schema/collections/messages';
import { useDatabase } from '../support/database';

/** One agent with this many sessions, each with a turn of two messages: what a page costs must not grow with them. */
const SESSIONS = 2_000;
const PAGE = 50;
const BASE = Date.parse('2026-01-01T00:00:00.000Z');
const at = (index: number) => new Date(BASE + index * 1_000);
const AGENT = 'agt_hub';

/** The few runs of tasks are the oldest sessions: a list of them must not walk over all others. */
const kindOf = (index: number) => (index < 10 ? 'task' : 'chat');

describe('histories of the chat gateway, as queries', () => {
  const database = useDatabase({ isMonitored: true });
  const user = ownerPrincipal({ id: 'own_user', displayName: null });
  const everybodys = { agentId: AGENT };
  const mine = { ...everybodys, principal: user };

  const sessionRow = (index: number): GatewaySession => ({
    _id: `ses_${index}`,
    agentId: AGENT,
    guestId: `agt_guest_${index}`,
    guestHandle: `guest-${index}`,
    conversationId: `conv_${index}`,
    principal: user.key,
    ownerId: user.ownerId,
    kind: kindOf(index),
    status: 'active',
    turns: [],
    startedAt: at(index),
    activeAt: at(index),
    lastMessageAt: at(index),
    messageCount: 2,
  });
  const messageRow = (index: number, seq: number): Message => ({
    _id: `msg_${index}_${seq}`,
    conversationId: `conv_${index}`,
    seq,
    senderId: seq === 1 ? `agt_guest_${index}` : AGENT,
    recipientId: seq === 1 ? AGENT : `agt_guest_${index}`,
    clientKey: new Binary(Buffer.from(`${index} ${seq}`)),
    clientMsgId: '"x"',
    type: 'text',
    content: '{"text":"Hello"}',
    metadata: '{}',
    createdAt: at(index),
    commitId: 'c',
  });
  const executionRow = (index: number): GatewayExecution => ({
    _id: `exe_${index}`,
    sessionId: `ses_${index}`,
    agentId: AGENT,
    guestId: `agt_guest_${index}`,
    principal: user.key,
    channel: kindOf(index),
    status: index >= SESSIONS - 3 ? 'running' : 'completed',
    message: 'Hello',
    wantsStream: false,
    rank: 0,
    hints: {},
    messageId: `msg_${index}_1`,
    response: 'Hi',
    replies: [{ messageId: `msg_${index}_2`, isLate: false }],
    error: index % 2 === 0 ? null : { code: 'timeout', message: '' },
    lastEvent: 3,
    queuedBehind: 0,
    queuedAt: at(index),
    startedAt: at(index),
    completedAt: at(index),
    waitUntil: at(index),
    deadlineAt: at(index),
    // Turns with tools are few, and the oldest.
    ...(index < 20 ? { toolCalls: 1, tools: [] } : {}),
  });

  beforeAll(async () => {
    const rows = Array.from({ length: SESSIONS }, (_, index) => index);
    await database.gatewaySessions.insertMany(rows.map(sessionRow));
    await database.gatewayExecutions.insertMany(rows.map(executionRow));
    await database.messages.insertMany(rows.flatMap((index) => [messageRow(index, 1), messageRow(index, 2)]));
  });

  /** Every query of the work read its rows by an index, and together they read no more than this. */
  async function expectCost(work: () => Promise<unknown>, max: { docs: number; keys: number }): Promise<Explained[]> {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    expect(explained.filter(({ isCollectionScan }) => isCollectionScan)).toEqual([]);
    const sumOf = (field: 'docsExamined' | 'keysExamined') => explained.reduce((sum, one) => sum + one[field], 0);
    const cost = { docs: sumOf('docsExamined'), keys: sumOf('keysExamined') };
    expect([cost, cost.docs <= max.docs, cost.keys <= max.keys]).toEqual([cost, true, true]);
    return explained;
  }

  test.each([
    ["a caller's", mine],
    ["everybody's", everybodys],
  ])('%s history costs its page, from the newest message and from any other', async (_whose, scope) => {
    for (const before of [undefined, 'msg_1000_2']) {
      const { rows, hasMore } = await readMessagesOf(database, scope, { limit: PAGE, before });
      expect([rows.length, hasMore, rows.at(-1)?.execution?._id !== undefined]).toEqual([PAGE, true, true]);
      // Later sessions are passed over in the index: by far not each is looked into.
      const max = { docs: 6 * PAGE, keys: 6 * PAGE + (before === undefined ? 0 : SESSIONS / 2) };
      await expectCost(() => readMessagesOf(database, scope, { limit: PAGE, before }), max);
    }
  });

  test.each([
    ["a caller's", mine],
    ["everybody's", everybodys],
  ])('%s sessions and executions of a rare kind are read alone, and counted in the index', async (_whose, scope) => {
    const page = { ...scope, limit: PAGE };
    expect(await listSessions(database, { ...page, kinds: ['task'] })).toHaveLength(10);
    await expectCost(() => listSessions(database, { ...page, kinds: ['task'] }), { docs: 10, keys: 20 });
    expect(await listSessions(database, { ...page, kinds: TALK_KINDS })).toHaveLength(PAGE);
    await expectCost(() => listSessions(database, { ...page, kinds: TALK_KINDS }), { docs: PAGE, keys: PAGE + 20 });
    const after = { activeAt: at(1_000), id: 'ses_1000' };
    await expectCost(() => listSessions(database, { ...page, after }), { docs: PAGE + 1, keys: PAGE + 20 });
    await expectCost(() => countSessions(database, { ...scope, kinds: TALK_KINDS }), { docs: 0, keys: SESSIONS + 20 });
    expect(await listExecutions(database, { ...page, channel: 'task' })).toHaveLength(10);
    await expectCost(() => listExecutions(database, { ...page, channel: 'task' }), { docs: 10, keys: 20 });
  });

  test.each([
    ["a caller's", mine],
    ["everybody's", everybodys],
  ])('%s activity counts turns in the index, and reads those with tools alone', async (_whose, scope) => {
    const counts = await countTurns(database, scope, at(0));
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(SESSIONS);
    expect(counts.find(({ status, failure }) => status === 'running' && failure === 'timeout')?.count).toBe(2);
    // The plan of a pipeline that sorts is told twice.
    await expectCost(() => countTurns(database, scope, at(0)), { docs: 0, keys: 2 * SESSIONS + 20 });
    const open = await findActive(database, scope);
    expect(open).toHaveLength(3);
    await expectCost(() => findActive(database, scope), { docs: 3, keys: 5 });
    expect(await readTools(database, scope, at(0), open)).toHaveLength(20);
    await expectCost(() => readTools(database, scope, at(0), open), { docs: 20, keys: 22 });
    const ofSession = { ...scope, sessionId: 'ses_7' };
    await expectCost(() => findActive(database, ofSession), { docs: 1, keys: 2 });
    await expectCost(() => readTools(database, ofSession, at(0), []), { docs: 1, keys: 2 });
    await expectCost(() => countTurns(database, ofSession, at(0)), { docs: 2, keys: 4 });
  });
});
