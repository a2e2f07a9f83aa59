import { explainQueries } from '../../bench/explain';
import { findAgentByKey, findClaimedAgent, listClaimed, releaseClaim } from '../../store/accounts/claims';
import {
  endAllSessions,
  endSession,
  findOwnerOfSession,
  findSignedIn,
  rotateToken,
} from '../../store/owners/owner-sessions';
import { claimAgent } from '../../store/accounts/set-claim';
import { signIn } from '../../store/owners/sign-in';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';

/** A thousand owners, each with a session and a claim: a query that looks at more than its own would show. */
const OWNERS = 1_000;

describe('queries of owners, sessions and claims', () => {
  const database = useDatabase({ isMonitored: true });

  beforeAll(async () => {
    const at = new Date();
    const ids = Array.from({ length: OWNERS }, (_, index) => `owner-${index}`);
    const dates = { createdAt: at, updatedAt: at, deletedAt: null };
    await database.owners.insertMany(
      ids.map((_id) => ({ _id, email: `${_id}@example.com`, displayName: null, ...dates })),
    );
    await database.claims.insertMany(ids.map((ownerId, index) => ({ _id: `agt_${index}`, ownerId, claimedAt: at })));
    await database.ownerSessions.insertMany(
      ids.map((ownerId) => ({
        _id: `dsh_${ownerId}`,
        ownerId,
        tokens: [{ hash: `hash-${ownerId}`, rotation: null }],
        createdAt: at,
        lastRefreshedAt: at,
        seenAt: at,
        expiresAt: new Date(at.getTime() + 60_000),
      })),
    );
  });

  const now = new Date();
  const succession = { nonce: 'n', keyId: 'k' };
  const session = { sessionId: 'dsh_owner-7', ownerId: 'owner-7' };
  const works: [string, () => Promise<unknown>][] = [
    ['the session check', () => findSignedIn(database, session, now)],
    ['the owner of a known device', () => findOwnerOfSession(database, 'hash-owner-7', now)],
    ['a refresh', () => rotateToken(database, { hash: 'hash-owner-7', successorHash: 'next', succession })],
    [
      'a refresh with a replaced token',
      () => rotateToken(database, { hash: 'hash-owner-7', successorHash: 'x', succession }),
    ],
    [
      'a refresh with a token that is none',
      () => rotateToken(database, { hash: 'none', successorHash: 'y', succession }),
    ],
    [
      'a sign-in',
      () => signIn(database, { email: 'owner-7@example.com', sessionId: 'dsh_new', tokenHash: 'new', at: now }),
    ],
    ['a sign-up', () => signIn(database, { email: 'new@example.com', sessionId: 'dsh_up', tokenHash: 'up', at: now })],
    ['the list', () => listClaimed(database, 'owner-7')],
    ['one agent', () => findClaimedAgent(database, 'owner-7', 'some-handle')],
    ['the agent of a key', () => findAgentByKey(database, 'hash')],
    ['a logout', () => endSession(database, 'hash-owner-8')],
    ['a logout everywhere', () => endAllSessions(database, 'owner-7', now)],
    [
      'claim and release',
      async () => {
        const { agent } = await createTestAgent(database);
        const who = { agentId: agent._id, ownerId: 'owner-9', at: now };
        await claimAgent(database, { ...who, apiKeyHash: agent.apiKeyHash });
        await findClaimedAgent(database, 'owner-9', agent.handle);
        await releaseClaim(database, who);
      },
    ],
  ];

  test.each(works)('%s looks at its own rows only, by an index', async (_name, work) => {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) {
      expect({ ...one, isCollectionScan: false }).toEqual(one);
      expect([one.query, one.docsExamined <= 5, one.keysExamined <= 5]).toEqual([one.query, true, true]);
    }
  });
});
