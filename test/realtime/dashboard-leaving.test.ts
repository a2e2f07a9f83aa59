import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { DashboardSession, type DashboardSessionDeps } from '../../api/realtime/owner-feed/dashboard-session';
import { Dashboards } from '../../api/realtime/owner-feed/dashboards';
import { AgentSocket } from '../../api/realtime/wire/socket';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** Tabs are opened and closed by people: one that just came is not to be sent away, and one that goes before it was let in must not hold its place for ever. */
test('a tab that was opened as a millisecond ended is not taken for one that did not answer', () => {
  const clock = jest.spyOn(Date, 'now').mockReturnValueOnce(1_000).mockReturnValue(1_001);
  const told: string[] = [];
  const socket = { attach: () => undefined, ping: () => told.push('ping'), close: () => told.push('close') };
  const session = new DashboardSession(
    socket as unknown as AgentSocket,
    () => undefined,
    {} as unknown as DashboardSessionDeps,
  );
  clock.mockRestore();
  session.beat(31_001, 30_000);
  expect(told).toEqual(['ping']);
});

describe('a tab that is gone before its hello', () => {
  let server: Server;
  let dashboards: Dashboards;
  let places: Set<string>;
  let waiting: number;
  let gone: Promise<void>;

  /** Whether the session is signed in is answered once the tab is gone. */
  const start = async (answer: () => Promise<boolean>): Promise<SocketClient> => {
    const sockets = new WebSocketServer({ server, WebSocket: AgentSocket });
    const opened = new Promise<AgentSocket>((resolve) => sockets.once('connection', resolve));
    const client = await SocketClient.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, '/');
    const socket = await opened;
    const left = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const deps: DashboardSessionDeps = {
      dashboards,
      connections: {
        claim: (agentId: string) => {
          const id = randomUUID();
          places.add(id);
          return Promise.resolve({ id, agentId, cursor: 0 });
        },
        release: (id: string) => Promise.resolve(void places.delete(id)),
      } as unknown as DashboardSessionDeps['connections'],
      takeTicket: async () => {
        client.end();
        await left;
        return { ownerId: 'owner', sessionId: 'session' };
      },
      isSignedIn: answer,
      log: createLogger('test', 'silent'),
    };
    waiting += 1;
    gone = new DashboardSession(socket, () => (waiting -= 1), deps).open('ticket');
    return client;
  };

  beforeEach(async () => {
    waiting = 0;
    places = new Set();
    dashboards = new Dashboards({ metrics: createMetrics(), mayShow: () => true });
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test.each([
    ['whose session is signed in', () => Promise.resolve(true)],
    ['whose session has ended', () => Promise.resolve(false)],
    ['whose session could not be read', () => Promise.reject(new Error('out of reach'))],
  ])('%s leaves neither its place nor itself behind', async (_, answer) => {
    const client = await start(answer);
    await waitFor(() => client.closed);
    await gone;
    expect([places.size, dashboards.all().length, waiting]).toEqual([0, 0, 0]);
  });
});
