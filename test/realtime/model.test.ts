import fc from 'fast-check';
import { countersOf } from '../support/backlog';
import { callsOf, startTalk, type Row, type Talk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { useStack } from '../support/use-stack';
import { send } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

type Command =
  | { do: 'send'; node: number }
  | { do: 'connect'; node: number }
  | { do: 'disconnect' }
  | { do: 'ack'; pick: number }
  | { do: 'sync'; node: number; pick: number }
  | { do: 'read'; node: number; pick: number }
  | { do: 'hide'; node: number; pick: number }
  | { do: 'readThrough'; pick: number }
  | { do: 'kill'; node: number };

const node = fc.nat({ max: 1 });
const pick = fc.nat();
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connect' as const), node }) },
  fc.record({ do: fc.constant('disconnect' as const) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ack' as const), pick }) },
  fc.record({ do: fc.constant('sync' as const), node, pick }),
  fc.record({ do: fc.constant('read' as const), node, pick }),
  fc.record({ do: fc.constant('hide' as const), node, pick }),
  fc.record({ do: fc.constant('readThrough' as const), pick }),
  fc.record({ do: fc.constant('kill' as const), node }),
);

/** A start of a process takes as long as a hundred other steps. */
const KILLS_MAX = 8;

/** What must be so after any steps of one reader: what was sent to it, and what of that is still stored. */
class Model {
  readonly sent: Row[] = [];
  readonly stored = new Set<string>();
  sockets: SocketClient[] = [];

  at(index: number): Row | undefined {
    return this.sent[index % Math.max(1, this.sent.length)];
  }

  leave(rows: (Row | undefined)[]): void {
    for (const row of rows) if (row !== undefined) this.stored.delete(row.id);
  }
}

describe('any interleaving of sending, acking, syncing, reading, hiding, connecting, leaving and dying nodes', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  let kills = 0;

  /** SIGKILL, and another process in its place: only what sockets of other nodes were handed is left of it. */
  async function killNode(index: number, model: Model): Promise<void> {
    const victim = stack.apis.filter((api) => api.isRunning())[index];
    if (victim === undefined || (kills += 1) > KILLS_MAX) return;
    for (const client of model.sockets) expectOrder(model, client);
    await stack.kill(victim);
    await stack.startApi();
    const lost = model.sockets.filter(({ socket }) => socket.url.includes(`:${victim.port}/`));
    for (const client of lost) expect((await client.untilClosed()).code).toBe(1006);
    model.sockets = model.sockets.filter((client) => !lost.includes(client));
  }

  /** Rows of killed nodes are cleared away by the others after a while. */
  async function registeredOnLiveNodes(agentId: string): Promise<number> {
    const alive = await database.nodes.find({ leaseUntil: { $gt: new Date() } }).toArray();
    return database.connections.countDocuments({ agentId, nodeId: { $in: alive.map(({ _id }) => _id) } });
  }

  async function run(step: Command, { a, b, conversationId }: Talk, model: Model): Promise<void> {
    switch (step.do) {
      case 'send': {
        const { status, body } = await send(url(step.node), a, b, `m-${model.sent.length}`);
        expect(status).toBe(201);
        // The parse point of the message object.
        model.sent.push(body as Row);
        model.stored.add(String(body.id));
        return;
      }
      case 'connect':
        model.sockets.push(await SocketClient.hello(url(step.node), b.key, ['ack']));
        return;
      case 'disconnect':
        return model.sockets.shift()?.end();
      case 'ack': {
        const row = model.at(step.pick);
        const socket = model.sockets[step.pick % Math.max(1, model.sockets.length)];
        if (row === undefined || socket === undefined) return;
        socket.send({ type: 'ack', message_id: row.id });
        model.leave([row]);
        return settled(model, b);
      }
      case 'sync': {
        const rows = await callsOf(url(step.node), b).sync();
        expect(rows.map(({ id }) => id)).toEqual(model.sent.map(({ id }) => id).filter((id) => model.stored.has(id)));
        const upTo = step.pick % (rows.length + 1);
        if (upTo === 0) return;
        const answer = await callsOf(url(step.node), b).ack(rows[upTo - 1]?.['delivery_id']);
        expect(answer.body.acked).toBe(upTo);
        return model.leave(rows.slice(0, upTo));
      }
      case 'read':
      case 'hide': {
        const row = model.at(step.pick);
        if (row === undefined) return;
        const answer = await callsOf(url(step.node), b)[step.do](row.id);
        expect(answer.status).toBe(200);
        return model.leave([row]);
      }
      case 'readThrough': {
        const row = model.at(step.pick);
        const socket = model.sockets[0];
        if (row === undefined || socket === undefined) return;
        const payload = { conversation_id: conversationId, through_seq: row.seq };
        socket.send({ type: 'message.read_ack', payload });
        model.leave(model.sent.filter(({ seq }) => seq <= row.seq));
        return settled(model, b);
      }
      case 'kill':
        return killNode(step.node, model);
    }
  }

  /** Frames have no answer: the counter tells when they took effect. */
  async function settled(model: Model, b: Talk['b']): Promise<void> {
    await waitFor(async () => (await countersOf(database, b)).counted === model.stored.size);
  }

  /** Ascending and without repeats on every socket, and nothing that was not sent. */
  function expectOrder(model: Model, client: SocketClient): void {
    const seqs = client.messages().map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other));
    const known = new Set(model.sent.map(({ id }) => id));
    for (const { id } of client.messages()) expect(known.has(id)).toBe(true);
  }

  test('any order of steps keeps seqs gapless, frames in order and once, and counters exact', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 30 }), async (steps) => {
        const talk = await startTalk(database, url());
        const { a, b, conversationId } = talk;
        const reader = callsOf(url(), b);
        await reader.ack((await reader.sync()).at(-1)?.['delivery_id']);
        const model = new Model();
        for (const step of steps) await run(step, talk, model);
        expect(model.sent.map(({ seq }) => seq)).toEqual(model.sent.map((_, index) => index + 3));
        for (const client of model.sockets) expectOrder(model, client);
        const fresh = await SocketClient.hello(url(1), b.key, ['ack']);
        await fresh.untilMessages(model.stored.size);
        await fresh.roundTrip();
        expect(fresh.messages().map(({ id }) => id)).toEqual(
          model.sent.map(({ id }) => id).filter((id) => model.stored.has(id)),
        );
        expect(await countersOf(database, b)).toEqual({ counted: model.stored.size, stored: model.stored.size });
        await expectExactCounters(database, b, [conversationId]);
        await expectExactCounters(database, a, [conversationId]);
        for (const client of [...model.sockets, fresh]) client.end();
        await waitFor(async () => (await registeredOnLiveNodes(b.id)) === 0);
      }),
      { numRuns: 20 },
    );
    expect(kills).toBeGreaterThan(0);
  });
});
