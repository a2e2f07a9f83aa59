import { Binary } from 'mongodb';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { readLive, readReleased } from '../../store/inbox/inbox';
import { findGatewaySockets } from '../../store/nodes/connections';
import { findValidKeys } from '../../store/gateway/keys';
import { ownerPrincipal } from '../../store/gateway/principals';
import { settleReplies } from '../../store/gateway/replies';
import { createSideSession, loadSession } from '../../store/gateway/sessions';
import {
  endOverdue,
  endVoice,
  findNewestVoice,
  holdVoice,
  insertVoice,
  isOver,
  leaveVoice,
  loadVoice,
  newVoice,
  readTranscript,
  takeVoice,
  useVoiceToken,
} from '../../store/gateway/voices';
import type { Agent } from '../../store/schema/collections/agents';
import type { GatewayKey } from '../../store/schema/collections/gateway';
import type { GatewayVoice } from '../../store/schema/collections/voice';
import { createCommitter } from '../../store/sending/committer';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { expectOwnRowsOnly, rowNumbers, testOwnRowsOnly, type NamedCall } from '../support/own-rows';

/** Beside each row that is meant there are so many others: none of them may be looked at. */
const OTHERS = 1_000;
const DOCS_MAX = 8;
const now = new Date();
const NOTE = {
  bytesIn: 1,
  bytesOut: 2,
  droppedMs: 3,
  state: 'listening' as const,
  liveAt: now,
  hadAgent: true,
  hadCaller: true,
  agentConnected: true,
  callerConnected: true,
};
const later = (seconds: number) => new Date(now.getTime() + seconds * 1_000);
const home = (nodeId: string) => ({ nodeId, url: `ws://${nodeId}` });

describe('talks in the store', () => {
  const database = useDatabase({ isMonitored: true });
  const user = ownerPrincipal({ id: 'own_voice', displayName: null });
  let agent: Agent;

  const voiceRow = (n: number, change: Partial<GatewayVoice> = {}): GatewayVoice => ({
    ...newVoice(now, {
      _id: `vse_${n}`,
      sessionId: `ses_${n}`,
      agentId: `agt_${n}`,
      principal: user.key,
      startedWith: { kind: 'session', id: 'dsh_1' },
      inputCodec: 'pcm_s16le_16000',
      outputCodec: 'pcm_s16le_24000',
      maxSeconds: 300,
      tokenHash: `hash ${n}`,
      tokenExpiresAt: later(60),
    }),
    ...change,
  });

  const keyRow = (n: number): GatewayKey => ({
    _id: `gky_${n}`,
    ownerId: 'own_voice',
    name: 'app',
    keyHash: `key ${n}`,
    keyPrefix: 'gwk_abcd',
    agentId: null,
    callbackSecret: { keyId: 'k', bytes: new Binary(Buffer.from('x')) },
    createdAt: now,
    lastUsedAt: null,
  });

  beforeAll(async () => {
    agent = (await createTestAgent(database)).agent;
    const rows = rowNumbers(OTHERS);
    await database.gatewayVoices.insertMany(rows.map((n) => voiceRow(n)));
    await database.gatewayKeys.insertMany(rows.map((n) => keyRow(n)));
    await database.connections.insertMany(
      rows.map((n) => ({
        _id: `con_${n}`,
        agentId: `agt_${n}`,
        nodeId: 'one',
        cursor: 0,
        connectedAt: now,
        notedAt: now,
      })),
    );
  });

  const calls: NamedCall[] = [
    ['a talk', () => loadVoice(database, 'vse_7')],
    ['the newest talk', () => findNewestVoice(database, user.key, 'agt_7')],
    ['a token', () => useVoiceToken(database, 'hash 8', now)],
    ['a token that was made up', () => useVoiceToken(database, 'no such hash', now)],
    ['a home', () => takeVoice(database, { id: 'vse_9', from: null, home: home('one'), now })],
    ['a note', () => holdVoice(database, { id: 'vse_9', nodeId: 'one', note: NOTE, now })],
    ['the end of a home', () => leaveVoice(database, { id: 'vse_9', nodeId: 'one', now })],
    ['an end', () => endVoice(database, { id: 'vse_10', reason: 'stopped', now })],
    ['sockets that can be called', () => findGatewaySockets(database, 'agt_7')],
    ['which keys were revoked', () => findValidKeys(database, ['gky_1', 'gky_2', 'gky_none'])],
  ];

  testOwnRowsOnly(database, calls, DOCS_MAX);

  test('gateway.md §2: of the keys that started talks those count that were not revoked', async () => {
    expect(await findValidKeys(database, ['gky_1', 'gky_none', 'gky_3'])).toEqual(new Set(['gky_1', 'gky_3']));
  });

  test('gateway.md §7: one live talk of a caller with an agent; another one once it has ended', async () => {
    const of = { agentId: 'agt_one' };
    expect(await insertVoice(database, voiceRow(-1, { ...of, tokenHash: 'a' }))).toBe(true);
    expect(await insertVoice(database, voiceRow(-2, { ...of, tokenHash: 'b' }))).toBe(false);
    await endVoice(database, { id: 'vse_-1', reason: 'stopped', now });
    expect(await insertVoice(database, voiceRow(-2, { ...of, tokenHash: 'b' }))).toBe(true);
  });

  test('gateway.md §7: of two processes one is the home; who lost it holds and ends nothing any more', async () => {
    const id = 'vse_20';
    const taken = await Promise.all(
      ['one', 'two'].map((nodeId) => takeVoice(database, { id, from: null, home: home(nodeId), now })),
    );
    const [winner] = taken.flatMap((voice) => voice?.home ?? []);
    expect(taken.filter((voice) => voice === null)).toHaveLength(1);
    const lost = winner?.nodeId ?? '';
    expect(await takeVoice(database, { id, from: home('other'), home: home('three'), now })).toBeNull();
    expect(await takeVoice(database, { id, from: home(lost), home: home('three'), now: later(10) })).not.toBeNull();
    expect(await holdVoice(database, { id, nodeId: lost, note: NOTE, now: later(10) })).toBe(false);
    expect(await endVoice(database, { id, nodeId: lost, reason: 'limit', now: later(10) })).toMatchObject({
      isLive: true,
      endReason: null,
    });
    expect(await holdVoice(database, { id, nodeId: 'three', note: NOTE, now: later(10) })).toBe(true);
    const ended = await endVoice(database, { id, nodeId: 'three', reason: 'limit', now: later(11) });
    expect(ended).toMatchObject({ state: 'ended', endReason: 'limit', endedAt: later(11) });
    expect(await endVoice(database, { id, reason: 'stopped', now: later(12) })).toEqual(ended);
    expect(await holdVoice(database, { id, nodeId: 'three', note: NOTE, now: later(12) })).toBe(false);
  });

  test('gateway.md §7: a talk that nobody keeps open is over, and why is told by how far it came', async () => {
    const [first, second] = [voiceRow(30), voiceRow(31, { hadAgent: true })];
    expect([isOver(first, later(29)), isOver(first, later(30))]).toEqual([false, true]);
    await database.gatewayVoices.updateOne({ _id: 'vse_31' }, { $set: { hadAgent: true } });
    expect(await takeVoice(database, { id: 'vse_30', from: null, home: home('one'), now: later(30) })).toBeNull();
    expect(await endOverdue(database, first)).toMatchObject({ endReason: 'agent_unavailable', endedAt: later(30) });
    expect(await endOverdue(database, second)).toMatchObject({ endReason: 'error' });
  });

  test('gateway.md §7: a token is used once', async () => {
    const used = await Promise.all([1, 2, 3].map(() => useVoiceToken(database, 'hash 40', now)));
    expect(used.flatMap((voice) => voice?._id ?? [])).toEqual(['vse_40']);
    expect(await useVoiceToken(database, 'hash 41', later(60))).toBeNull();
  });

  test('gateway#11: lines whose process died behind their commit are counted once, by whoever settles them', async () => {
    const session = await createSideSession(database, user, agent._id, now, 'voice');
    const row = voiceRow(-50, { sessionId: session._id, agentId: agent._id, tokenHash: 'c' });
    await insertVoice(database, row);
    const agents = createAgentReader(database);
    const log = createLogger('test', 'silent');
    const clock = { now: () => new Date() };
    const committer = createCommitter({ database, agents, clock, log, limitRate: true, observe: () => undefined });
    const guest = { id: session.guestId, handle: session.guestHandle, isSystem: false, keyVersion: 1, isCached: false };
    const speaker = {
      id: agent._id,
      handle: agent.handle,
      isSystem: false,
      keyVersion: agent.keyVersion,
      isCached: false,
    };
    const line = (text: string) => ({
      clientMsgId: text,
      type: 'text' as const,
      content: JSON.stringify({ text }),
      metadata: JSON.stringify({ gateway: { voice: { voice_session_id: row._id, at_ms: 0 } } }),
      attachmentId: null,
    });
    // The agent speaks first, and again: to its own guest it is no stranger.
    for (const text of ['Hello', 'again']) await committer.send({ ...line(text), sender: speaker, to: guest.handle });
    await committer.send({ ...line('Hi'), sender: guest, to: agent.handle, isHeard: true });
    await committer.idle();
    expect((await loadVoice(database, row._id))?.messagesSaved).toBe(0);
    await Promise.all([1, 2].map(() => settleReplies(database, session.guestId)));
    const said = await readTranscript(database, row._id);
    expect([said?.voice.messagesSaved, said?.lines]).toEqual([
      3,
      [
        { role: 'assistant', text: 'Hello' },
        { role: 'assistant', text: 'again' },
        { role: 'user', text: 'Hi' },
      ],
    ]);
    const settled = await loadSession(database, session._id);
    expect([settled.messageCount, settled.conversationId]).toEqual([3, expect.stringMatching(/^conv_/)]);
    // It stands in the agent's inbox, and is handed to nobody.
    const page = { after: 0, upTo: 100, limit: 10, includeMuted: true, writtenOff: undefined };
    expect(await readLive(database, agents, agent, page)).toEqual([]);
    // Nor to somebody who was there when a pause had ended before it was said.
    const released = { ...page, since: new Date(0), syncedUpTo: 0 };
    expect(await readReleased(database, agents, agent, released)).toEqual([]);
    expect(await database.outbox.countDocuments({ targetId: agent._id })).toBe(0);
    await expectOwnRowsOnly(database, () => readTranscript(database, row._id), DOCS_MAX);
  });
});
