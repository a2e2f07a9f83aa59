import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { Pump } from '../../api/realtime/pump';
import { AgentSocket } from '../../api/realtime/socket';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents';
import { setPause } from '../../store/transactions/set-pause';
import type { InTurn } from '../../store/turns';
import { createTestAgent } from '../support/agents';
import { openTestDatabase, type TestDatabase } from '../support/database';
import { createGate } from '../support/skipped-time';
import { waitFor } from '../support/wait';

/**
 * Frames that nobody stores, told while the node does not know yet whether the agent is paused: right after `hello.ok`
 * on a busy machine, and after each order. Dropped there, a receipt would be lost to a client that was told it is online.
 */
describe('live frames before the first look at the inbox', () => {
  let given: TestDatabase;
  let server: WebSocketServer;

  beforeAll(async () => {
    given = await openTestDatabase();
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', WebSocket: AgentSocket });
  });
  afterAll(async () => {
    server.close();
    await given.drop();
  });

  /** A pump on a real socket, whose looks at the database wait for the gate. */
  async function openPump() {
    const { agent } = await createTestAgent(given.database);
    const accepted = new Promise<AgentSocket>((resolve) =>
      // The server was told to make these.
      server.once('connection', (socket) => resolve(socket as AgentSocket)),
    );
    // A server that listens on a port has an address of this form.
    const { port } = server.address() as AddressInfo;
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    const frames: string[] = [];
    client.on('message', (data) => frames.push(String(data)));
    const gate = createGate();
    let current = gate;
    let looks = 0;
    const inTurn: InTurn = async (work) => {
      await current.isOpen;
      return work().finally(() => (looks += 1));
    };
    const deps = {
      database: given.database,
      agents: createAgentReader(given.database),
      log: createLogger('test', 'silent'),
      inTurn,
      mayPush: () => true,
    };
    const socket = await accepted;
    const pump = new Pump(socket, agent, deps, { onPushed: () => undefined, onOverload: () => undefined });
    return {
      agent,
      pump,
      frames,
      gate,
      close: () => (current = createGate()),
      looks: () => looks,
      /** Resolves when everything that was sent before is there. */
      settled: async () => {
        socket.send('marker');
        await waitFor(() => frames.at(-1) === 'marker');
        frames.pop();
      },
      end: () => client.terminate(),
    };
  }

  test('they are told with that look, in their order, before any later one', async () => {
    const { pump, frames, gate, settled, end } = await openPump();
    pump.wake();
    pump.tell('one');
    pump.tell('two');
    await settled();
    expect(frames).toEqual([]);
    gate.open();
    pump.tell('three');
    await waitFor(() => frames.length === 3);
    pump.tell('four');
    await settled();
    expect(frames).toEqual(['one', 'two', 'three', 'four']);
    end();
  });

  test('a full pause drops them, also those that come while an order to look again is carried out', async () => {
    const { agent, pump, frames, gate, close, looks, settled, end } = await openPump();
    gate.open();
    pump.wake();
    pump.tell('before');
    await waitFor(() => frames.length === 1);
    await setPause(given.database, agent._id, 'full', new Date());
    const later = close();
    const before = looks();
    pump.recheck();
    pump.tell('during');
    later.open();
    await waitFor(() => looks() > before);
    await settled();
    pump.tell('paused');
    await setPause(given.database, agent._id, 'none', new Date());
    pump.recheck();
    pump.tell('after');
    await waitFor(() => frames.includes('after'));
    expect(frames).toEqual(['before', 'after']);
    end();
  });

  test('no more of them wait than a bound, whatever comes meanwhile', async () => {
    const { pump, frames, gate, settled, end } = await openPump();
    pump.wake();
    for (let index = 0; index < 1_000; index += 1) pump.tell(`frame ${index}`);
    gate.open();
    await waitFor(() => frames.length > 0);
    await settled();
    expect(frames.length).toBeLessThanOrEqual(64);
    end();
  });
});
