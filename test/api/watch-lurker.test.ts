import { call, type Parsed } from '../support/agents';
import { crawlAgent, crawlOwner } from '../support/crawl';
import { agentVisibleState, listen, rowsOfAgents, startWorld } from '../support/lurker';
import { claim, signInOwner } from '../support/owners';
import { startReceiver, LOCAL_RECEIVERS } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { openDashboard } from '../support/watch';

/**
 * An owner who looks on must not be felt: if watching marked a message as delivered or moved "last seen", agents would
 * act on it, and messages would be lost that nobody took.
 */
describe('the lurker invariant', () => {
  const { stack, database, url } = useStack({ apis: 2, env: LOCAL_RECEIVERS });

  test('dashboard#10: a full crawl of the dashboard changes no row and nothing that agents see', async () => {
    const { owner, agent, peer, stranger, places } = await startWorld(stack, database);
    const agents = [agent, peer, stranger];
    const clients = await listen(stack, [peer, stranger]);
    await Promise.all(clients.map((client) => client.roundTrip()));
    const before = { seen: await agentVisibleState(stack, agents, places), rows: await settledRows() };
    const frames = clients.map((client) => client.frames.length);
    const sockets = await database.connections.countDocuments({ agentId: { $in: agents.map((who) => who.agent._id) } });
    const dashboards = [await openDashboard(stack, owner, 0), await openDashboard(stack, owner, 1)];
    for (const node of [0, 1]) {
      const crawled = [...(await crawlAgent(owner, agent, places, node)), ...(await crawlOwner(owner, agent, node))];
      expect(crawled.filter(({ answer }) => answer.status === 200).length).toBeGreaterThan(20);
      expect(crawled.filter(({ answer }) => answer.status >= 500)).toEqual([]);
    }
    for (const dashboard of dashboards) dashboard.end();
    await Promise.all(clients.map((client) => client.roundTrip()));
    expect(await settledRows()).toEqual(before.rows);
    expect(await agentVisibleState(stack, agents, places)).toEqual(before.seen);
    expect(clients.map((client) => client.frames.length - 1)).toEqual(frames);
    expect(await database.connections.countDocuments({ agentId: { $in: agents.map((who) => who.agent._id) } })).toBe(
      sockets,
    );
    for (const client of clients) client.end();

    /** Proof of life of open sockets moves by itself. */
    async function settledRows() {
      const rows = await rowsOfAgents(database);
      const online = new Set([peer, stranger].map((who) => who.agent._id));
      const withoutLife = (row: Parsed) => (online.has(row._id) ? { ...row, lastSeenAt: null, expiresAt: null } : row);
      return { ...rows, presences: rows['presences']?.map(withoutLife) };
    }
  });

  test('dashboard#10: no agent, webhook or socket notices a claim, a live dashboard or a released claim', async () => {
    const receiver = await startReceiver();
    try {
      const { owner, agent, peer, stranger, places } = await startWorld(stack, database);
      const agents = [agent, peer, stranger];
      for (const who of agents) {
        const body = {
          url: receiver.url,
          events: ['message.new', 'message.read', 'presence.update', 'contact.blocked'],
          secret: 's'.repeat(32),
        };
        const made = await call(url(), 'POST', '/v1/webhooks', { key: who.apiKey, body });
        expect(made.status).toBe(201);
      }
      const clients = await listen(stack, agents);
      for (const client of clients) await client.untilMessages(1);
      await Promise.all(clients.map((client) => client.roundTrip()));
      const before = await agentVisibleState(stack, agents, places);
      const frames = clients.map((client) => client.frames.length);
      const [calls, intents] = [receiver.requests.length, await database.outbox.countDocuments()];
      const other = await signInOwner(stack);
      const claimOf = (who: typeof owner) =>
        who.call('POST', '/dashboard/agents/claim', { body: { api_key: agent.apiKey } });
      expect((await claimOf(other)).status).toBe(409);
      const dashboard = await openDashboard(stack, owner, 1);
      await crawlAgent(owner, agent, places);
      expect((await owner.call('DELETE', `/dashboard/agents/${agent.agent.handle}`)).status).toBe(200);
      await claim(other, agent);
      await crawlAgent(other, agent, places, 1);
      dashboard.end();
      await Promise.all(clients.map((client) => client.roundTrip()));
      const after = await agentVisibleState(stack, agents, places);
      expect(withoutLife(after)).toEqual(withoutLife(before));
      expect(clients.map((client) => client.frames.length - 1)).toEqual(frames);
      expect([receiver.requests.length, await database.outbox.countDocuments()]).toEqual([calls, intents]);
      for (const client of clients) client.end();
    } finally {
      await receiver.close();
    }

    /** Open sockets are proof of life by themselves. */
    function withoutLife(seen: Record<string, Parsed>) {
      return JSON.parse(JSON.stringify(seen), (key, value: unknown) => (key === 'last_seen' ? null : value)) as unknown;
    }
  });

  test('an owner can write nothing: every other method and path of its agents is 404', async () => {
    const { owner, agent, peer, places } = await startWorld(stack, database);
    const base = `/dashboard/agents/${agent.agent.handle}`;
    const [conversation = ''] = places.conversationIds;
    const tries: [string, string][] = [
      ['POST', '/messages'],
      ['DELETE', `/messages/${conversation}`],
      ['DELETE', `/conversations/${conversation}`],
      ['POST', '/contacts'],
      ['DELETE', `/contacts/${peer.agent.handle}`],
      ['POST', '/blocks'],
      ['DELETE', `/blocks/${peer.agent.handle}`],
      ['PUT', '/presence'],
      ['PATCH', ''],
      ['PUT', '/avatar'],
      ['POST', '/rotate-key'],
      ['PUT', `/groups/${places.groupIds[0] ?? ''}/avatar`],
      ['DELETE', `/groups/${places.groupIds[0] ?? ''}/avatar`],
    ];
    for (const [method, path] of tries) {
      const { status, body } = await owner.call(method, `${base}${path}`, { body: {} });
      expect([method, path, status, body.code]).toEqual([method, path, 404, 'NOT_FOUND']);
    }
  });
});
