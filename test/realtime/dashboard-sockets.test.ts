import { randomUUID } from 'node:crypto';
import { createOrders } from '../../store/nodes/orders';
import { createLogger } from '../../platform/logger';
import { signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { framesOf, openDashboard, withTicket } from '../support/watch';
import { SocketClient } from './socket-client';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const INVALID = { code: 1008, reason: 'Invalid ticket' };

/** A ticket stands in a URL, where logs and histories see it: it must be worth nothing a moment later. */
describe('dashboard sockets', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0, env: { SOCKET_PING_SECONDS: '1' } });
  const ticketOf = async (owner: Awaited<ReturnType<typeof signInOwner>>, node = 0): Promise<string> => {
    const { status, body } = await owner.call('POST', '/dashboard/ws/ticket', { node });
    expect([status, Object.keys(body).sort(), body.expires_in]).toEqual([200, ['expires_in', 'ticket'], 30]);
    return body.ticket;
  };
  const socketsOf = (ownerId: string) => database.connections.countDocuments({ agentId: ownerId });

  test('dashboard#14: a ticket opens one socket on any node, hello.ok first; its second use is refused', async () => {
    const owner = await signInOwner(stack);
    const ticket = await ticketOf(owner);
    expect(ticket).toMatch(UUID_V4);
    const elsewhere = await withTicket(stack, ticket, 1);
    await waitFor(() => elsewhere.frames[0]);
    expect(elsewhere.frames).toEqual([{ type: 'hello.ok', owner_id: owner.id }]);
    for (const node of [0, 1]) {
      const again = await withTicket(stack, ticket, node);
      expect([await again.untilClosed(), again.frames]).toEqual([INVALID, []]);
    }
    elsewhere.end();
  });

  test('dashboard#14: of many uses at once on two nodes exactly one gets in', async () => {
    const owner = await signInOwner(stack);
    const ticket = await ticketOf(owner);
    const clients = await Promise.all(Array.from({ length: 10 }, (_, index) => withTicket(stack, ticket, index % 2)));
    await waitFor(() => clients.every(({ frames, closed }) => frames.length > 0 || closed !== null));
    expect(clients.filter(({ frames }) => frames.length > 0)).toHaveLength(1);
    expect(clients.flatMap(({ closed }) => closed ?? [])).toEqual(Array.from({ length: 9 }, () => INVALID));
    for (const client of clients) client.end();
  });

  test('dashboard#14: an old, an unknown, no ticket and one of an ended session are refused without a frame', async () => {
    const owner = await signInOwner(stack);
    const [old, revoked] = [await ticketOf(owner), await ticketOf(owner)];
    const [row] = await database.wsTickets.find({ ownerId: owner.id }).sort({ expiresAt: 1 }).toArray();
    expect(row?.expiresAt.getTime()).toBeGreaterThan(Date.now());
    await database.wsTickets.updateOne({ _id: row?._id }, [{ $set: { expiresAt: { $subtract: ['$$NOW', 1_000] } } }]);
    await database.ownerSessions.deleteMany({ ownerId: owner.id });
    for (const ticket of [old, revoked, randomUUID(), '', 'x'.repeat(2_000), '%ff']) {
      const client = await withTicket(stack, ticket);
      expect([await client.untilClosed(), client.frames]).toEqual([INVALID, []]);
    }
    const bare = await SocketClient.open(url(), '/v1/ws/dashboard');
    expect(await bare.untilClosed()).toEqual(INVALID);
    expect(await socketsOf(owner.id)).toBe(0);
    expect((await owner.call('POST', '/dashboard/ws/ticket')).status).toBe(401);
  });

  test('no ticket is stored as it is', async () => {
    const owner = await signInOwner(stack);
    const ticket = await ticketOf(owner);
    const rows = await database.wsTickets.find({ ownerId: owner.id }).toArray();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(ticket);
  });

  test('a page of another site gets no socket, and its try uses no ticket up', async () => {
    const owner = await signInOwner(stack);
    const ticket = await ticketOf(owner);
    for (const [name, value] of [
      ['origin', 'https://evil.example'],
      ['sec-fetch-site', 'cross-site'],
    ] as const) {
      const { refused } = await withTicket(stack, ticket, 0, { [name]: value });
      expect([refused?.status, JSON.parse(refused?.body ?? '{}')]).toMatchObject([403, { code: 'FORBIDDEN' }]);
    }
    const own = await withTicket(stack, ticket, 0, { origin: url() });
    await waitFor(() => own.frames[0]);
    own.end();
    const plain = await fetch(`${url()}/v1/ws/dashboard?ticket=${randomUUID()}`);
    expect(plain.status).toBe(426);
  });

  test('dashboard#14: whatever a dashboard sends is ignored', async () => {
    const owner = await signInOwner(stack);
    const client = await openDashboard(stack, owner);
    for (const frame of [
      '{bad',
      { type: 'ping' },
      { type: 'hello', api_key: 'x' },
      { type: 'message.send' },
      'x'.repeat(70_000),
    ]) {
      client.send(frame);
    }
    client.socket.send(Buffer.from([1, 2, 3]));
    const pongs: number[] = [];
    client.socket.on('pong', () => pongs.push(1));
    client.socket.ping();
    await waitFor(() => pongs.length > 0);
    expect([client.closed, client.frames]).toEqual([null, [{ type: 'hello.ok', owner_id: owner.id }]]);
    client.end();
  });

  test('all tabs of an owner are open at once; one that is gone gives up its place', async () => {
    const owner = await signInOwner(stack);
    const clients = await Promise.all(Array.from({ length: 12 }, (_, index) => openDashboard(stack, owner, index % 2)));
    expect(clients.map(({ frames }) => frames[0]?.type)).toEqual(clients.map(() => 'hello.ok'));
    expect(await socketsOf(owner.id)).toBe(12);
    for (const client of clients) client.end();
    await waitFor(async () => (await socketsOf(owner.id)) === 0);
  });

  test('an order to sign out is through once every node has closed the dashboards of the session', async () => {
    const orders = createOrders({ database, log: createLogger('test', 'silent') });
    const [here, there] = [await signInOwner(stack), await signInOwner(stack)];
    const other = await signInOwner(stack, here.email);
    expect(other.id).toBe(here.id);
    const own = await Promise.all([0, 1].map((node) => openDashboard(stack, here, node)));
    const kept = await Promise.all([0, 1].map((node) => openDashboard(stack, other, node)));
    const stranger = await openDashboard(stack, there);
    expect(await orders.give({ kind: 'signOut', ownerId: here.id, sessionId: here.sessionId })).toBe(true);
    for (const client of own) expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'Signed out' });
    expect(kept.map(({ closed }) => closed)).toEqual([null, null]);
    await orders.give({ kind: 'signOut', ownerId: here.id, sessionId: null });
    for (const client of kept) expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'Signed out' });
    expect(stranger.closed).toBeNull();
    stranger.end();
  });

  test('a session that ended without an order is noticed', async () => {
    const owner = await signInOwner(stack);
    const client = await openDashboard(stack, owner);
    await database.ownerSessions.deleteOne({ _id: owner.sessionId });
    expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'Signed out' });
  });

  test('a tab that answers no ping is closed; one that does stays', async () => {
    const owner = await signInOwner(stack);
    const [silent, alive] = [await openDashboard(stack, owner), await openDashboard(stack, owner)];
    let pings = 0;
    alive.socket.on('ping', () => (pings += 1));
    // The library would answer by itself.
    silent.socket.pong = () => undefined;
    const { code, reason } = await silent.untilClosed();
    expect([code, reason]).toEqual([1001, 'Heartbeat timeout']);
    await waitFor(() => pings >= 3);
    expect(alive.closed).toBeNull();
    alive.end();
  });

  test('a shutdown says so to every dashboard', async () => {
    const owner = await signInOwner(stack);
    const api = await stack.startApi();
    const node = stack.baseUrls.indexOf(api.baseUrl);
    const client = await openDashboard(stack, owner, node);
    await stack.terminate(api);
    expect(await client.untilClosed()).toEqual({ code: 1001, reason: 'Server shutting down' });
    expect(framesOf(client, 'agent.removed')).toEqual([]);
    expect(await socketsOf(owner.id)).toBe(0);
  });
});
