import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { Pump } from '../../api/realtime/pumps/pump';
import { AgentSocket } from '../../api/realtime/wire/socket';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { setPause } from '../../store/accounts/set-pause';
import type { InTurn } from '../../store/schema/turns';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { createGate } from '../support/gate';
import { waitFor } from '../support/wait';
import { use } from '../support/use';

/**
 * Frames that nobody stores, told while the node does not know yet whether the agent is paused: right after `hello.ok`
 * on a busy machine, and after each order. Dropped there, a receipt would be lost to a client that was told it is online.
 */
describe('live frames before the first look at the inbox', () => {
  const database = useDatabase();

  const server = use(
    () => new WebSocketServer({ port: 0, host: '127.0.0.1', WebSocket: AgentSocket }),
    (listening) => listening.close(),
  );

  /** A pump on a real socket, whose looks at the database wait for the gate. */
  async function openPump() {
    const { agent } = await createTestAgent(database);
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
      database,
      agents: createAgentReader(database),
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
    pump.sendLive('one');
    pump.sendLive('two');
    await settled();
    expect(frames).toEqual([]);
    gate.open();
    pump.sendLive('three');
    await waitFor(() => frames.length === 3);
    pump.sendLive('four');
    await settled();
    expect(frames).toEqual(['one', 'two', 'three', 'four']);
    end();
  });

  test('a full pause drops them, also those that come while an order to look again is carried out', async () => {
    const { agent, pump, frames, gate, close, looks, settled, end } = await openPump();
    gate.open();
    pump.wake();
    pump.sendLive('before');
    await waitFor(() => frames.length === 1);
    await setPause(database, agent._id, 'full', new Date());
    const later = close();
    const before = looks();
    pump.recheck();
    pump.sendLive('during');
    later.open();
    await waitFor(() => looks() > before);
    await settled();
    pump.sendLive('paused');
    await setPause(database, agent._id, 'none', new Date());
    pump.recheck();
    pump.sendLive('after');
    await waitFor(() => frames.includes('after'));
    expect(frames).toEqual(['before', 'after']);
    end();
  });

  test('no more of them wait than a bound, whatever comes meanwhile', async () => {
    const { pump, frames, gate, settled, end } = await openPump();
    pump.wake();
    for (let index = 0; index < 1_000; index += 1) pump.sendLive(`frame ${index}`);
    gate.open();
    await waitFor(() => frames.length > 0);
    await settled();
    expect(frames.length).toBeLessThanOrEqual(64);
    end();
  });
});
