import { noteComplaint } from '../../store/contacts/complaints';
import {
  changeLink,
  findLink,
  findLinkByToken,
  findOpenTurnsOfLink,
  forgetVisitors,
  insertLink,
  listLinks,
  revokeLink,
  takeLinkMessage,
} from '../../store/gateway/links';
import { settleRevokedLink } from '../../store/gateway/revoked-links';
import { findVisit, isBlocked, leaveVisit, sessionOfVisit } from '../../store/gateway/visits';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { GatewayLink, GatewayVisit } from '../../store/schema/collections/links';
import { withTransaction } from '../../store/schema/database';
import { findLastVisit } from '../../store/verification/pendings';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { rowNumbers, testOwnRowsOnly, type NamedCall } from '../support/own-rows';

/** Beside each row that is meant there are so many others: none of them may be looked at. */
const OTHERS = 1_000;
const DOCS_MAX = 5;
const now = new Date();

describe('queries of share links and their visitors', () => {
  const database = useDatabase({ isMonitored: true });
  let agentId: string;

  const linkRow = (n: number, change: Partial<GatewayLink> = {}): GatewayLink => ({
    _id: `lnk_${n}`,
    agentId: `agt_${n}`,
    ownerId: 'own_1',
    name: null,
    tokenHash: `hash ${n}`,
    tokenPrefix: 'abcdef',
    enabled: true,
    requireEmail: false,
    expiresAt: null,
    maxMessages: null,
    welcome: null,
    usage: { sessions: 0, messages: 0, addresses: 0, lastUsedAt: null },
    complaints: [],
    createdAt: now,
    ...change,
  });
  const visitRow = (n: number, change: Partial<GatewayVisit> = {}): GatewayVisit => ({
    _id: `visit ${n}`,
    linkId: `lnk_${n}`,
    visitorId: `visitor ${n}`,
    verifiedEmail: null,
    expiresAt: null,
    createdAt: now,
    ...change,
  });
  const sessionRow = (n: number): GatewaySession => ({
    _id: `ses_${n}`,
    agentId,
    guestId: `agt_guest_${n}`,
    guestHandle: `guest-${n}`,
    conversationId: null,
    principal: `visitor:visitor ${n}`,
    ownerId: null,
    kind: 'public',
    linkId: `lnk_${n}`,
    status: 'active',
    isCurrent: true,
    turns: [],
    startedAt: now,
    activeAt: now,
    lastMessageAt: null,
    messageCount: 0,
  });
  const executionRow = (n: number): GatewayExecution => ({
    _id: `exe_${n}`,
    sessionId: `ses_${n}`,
    agentId,
    guestId: `agt_guest_${n}`,
    principal: `visitor:visitor ${n}`,
    linkId: `lnk_${n}`,
    channel: 'public',
    status: 'queued',
    message: 'Hello',
    wantsStream: false,
    rank: 0,
    hints: {},
    messageId: null,
    response: null,
    replies: [],
    error: null,
    lastEvent: 1,
    queuedBehind: 0,
    queuedAt: now,
    startedAt: null,
    completedAt: null,
    waitUntil: now,
    deadlineAt: now,
  });

  beforeAll(async () => {
    agentId = (await createTestAgent(database)).agent._id;
    const rows = rowNumbers(OTHERS);
    await database.claims.insertMany(rows.map((n) => ({ _id: `agt_${n}`, ownerId: 'own_1', claimedAt: now })));
    await database.gatewayLinks.insertMany(rows.map((n) => linkRow(n)));
    await database.gatewayVisits.insertMany(rows.map((n) => visitRow(n)));
    await database.gatewayLinkAddresses.insertMany(rows.map((n) => ({ _id: `lnk_${n}:address` })));
    await database.gatewaySessions.insertMany(rows.map((n) => sessionRow(n)));
    await database.gatewayExecutions.insertMany(rows.map((n) => executionRow(n)));
    await database.pendings.insertMany(
      rows.map((n) => ({
        _id: `pnd_${n}`,
        purpose: 'visit' as const,
        email: 'visitor@example.com',
        agentId: null,
        handle: null,
        displayName: null,
        description: null,
        linkId: `lnk_${n}`,
        keyId: 'k',
        createdAt: now,
        expiresAt: new Date(now.getTime() + 600_000),
      })),
    );
  });

  const scope = (n: number) => ({ agentId: `agt_${n}`, ownerId: 'own_1' });
  const message = { linkId: 'lnk_7', addressHash: 'another' };
  const calls: NamedCall[] = [
    ['a new link', () => insertLink(database, linkRow(-1, scope(7)))],
    ['links of an agent', () => listLinks(database, scope(7))],
    ['a link', () => findLink(database, 'lnk_7', scope(7))],
    ['a change of a link', () => changeLink(database, 'lnk_7', scope(7), { name: 'Shop' })],
    ['the link of a token', () => findLinkByToken(database, 'hash 7')],
    ['a token that was made up', () => findLinkByToken(database, 'no such hash')],
    [
      'a message of a link',
      () => withTransaction(database, (session) => takeLinkMessage(database, message, now, session)),
    ],
    ['a visit', () => findVisit(database, { hash: 'visit 7', linkId: 'lnk_7', now })],
    ['the session of a visit', () => sessionOfVisit(database, linkRow(7, { agentId }), visitRow(7), now)],
    [
      'the first session of a visit',
      () => sessionOfVisit(database, linkRow(7), visitRow(-2, { linkId: 'lnk_7' }), now),
    ],
    ['the end of a visit', () => leaveVisit(database, visitRow(8), visitRow(-3), now)],
    ['whether a guest is blocked', () => isBlocked(database, sessionRow(7))],
    [
      'a complaint',
      () =>
        withTransaction(database, (session) =>
          noteComplaint(database, { from: agentId, to: 'agt_guest_7', at: now }, session),
        ),
    ],
    [
      'the last code of an address',
      () => findLastVisit(database, { linkId: 'lnk_7', email: 'visitor@example.com', now }),
    ],
    ['open turns of a link', () => findOpenTurnsOfLink(database, 'lnk_9')],
    ['the end of a link', () => revokeLink(database, 'lnk_9', scope(9), now)],
    ['what is kept of visitors', () => forgetVisitors(database, 'lnk_9')],
    [
      'the open turns of a link that is gone',
      () => settleRevokedLink(database, { _id: 'obx_9', linkId: 'lnk_9' }, now),
    ],
  ];

  testOwnRowsOnly(database, calls, DOCS_MAX);

  test('a link that is gone leaves no open turn, visit or address; all others stay', async () => {
    await settleRevokedLink(database, { _id: 'obx_10', linkId: 'lnk_10' }, now);
    expect((await database.gatewayExecutions.findOne({ _id: 'exe_10' }))?.status).toBe('cancelled');
    expect(await database.gatewayVisits.findOne({ _id: 'visit 10' })).toBeNull();
    expect(await database.gatewayLinkAddresses.findOne({ _id: 'lnk_10:address' })).toBeNull();
    expect(await database.gatewayVisits.findOne({ _id: 'visit 100' })).not.toBeNull();
    expect(await database.gatewayLinkAddresses.findOne({ _id: 'lnk_100:address' })).not.toBeNull();
  });
});
