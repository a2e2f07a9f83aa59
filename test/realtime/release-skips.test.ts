import { callsOf, say, startTalk } from '../support/conversations';
import { flipPause, inParallel, positionsOf, sequence } from '../support/releases';
import { request, send, type Sender } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** What a release does not push: dashboard.md §8.5 G3, G9. */
describe('what a release leaves out', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const flip = (agent: { id: string }, mode: 'none' | 'send' | 'full') => flipPause(database, agent.id, mode);
  const open = (node: number, agent: Sender, capabilities: string[] = ['ack']) =>
    SocketClient.hello(url(node), agent.key, capabilities);
  const idsOf = (client: SocketClient) => client.messages().map(({ id }) => id);

  test('dashboard#G3: rows that were read or hidden meanwhile are skipped, on every socket', async () => {
    const { a, b } = await startTalk(database, url());
    const client = await open(0, b);
    await client.untilMessages(1);
    await flip(b, 'full');
    const [one, read, two, hidden, three] = await say(url(), a, b, 5);
    const calls = callsOf(url(1), b);
    await calls.read(String(read?.id));
    await calls.hide(String(hidden?.id));
    await flip(b, 'none');
    const [last] = await say(url(), a, b);
    await client.untilMessages(5);
    await client.roundTrip();
    expect(idsOf(client).slice(1)).toEqual([one?.id, two?.id, three?.id, last?.id]);
    client.end();
  });

  test('dashboard#G3, dashboard#G8: a slow socket gets what another one had delivered a moment before', async () => {
    const { a, b } = await startTalk(database, url());
    const calls = callsOf(url(), b);
    await calls.ack((await calls.sync()).at(-1)?.['delivery_id']);
    const [quick, behind] = [await open(0, b, []), await open(1, b)];
    await flip(b, 'full');
    const text = 'x'.repeat(32_000);
    await inParallel(400, 16, (index) => send(url(), a, b, `large-${b.id}-${index}`, text));
    behind.socket.pause();
    await flip(b, 'none');
    // Mark-on-send: with its frames the whole queue is delivered.
    await quick.untilMessages(400);
    behind.socket.resume();
    await behind.untilMessages(400);
    expect(positionsOf(behind)).toEqual(sequence(2, 400));
    for (const client of [quick, behind]) client.end();
    await calls.ack((await calls.sync()).at(-1)?.['delivery_id']);

    // A connection of its own: one that has read much takes more before it is behind.
    const slow = await open(1, b);
    await flip(b, 'full');
    await inParallel(520, 16, (index) => send(url(), a, b, `again-${b.id}-${index}`, text));
    slow.socket.pause();
    await flip(b, 'none');
    for (let acked = 0; acked < 520;)
      acked += Number((await calls.ack((await calls.sync('?limit=500')).at(-1)?.['delivery_id'])).body.acked);
    slow.socket.resume();
    const [last] = await say(url(), a, b);
    const { id } = last ?? { id: '' };
    await waitFor(() => idsOf(slow).includes(id));
    await slow.roundTrip();
    // Frames that were on their way before the acknowledgement came in order; what was behind them did not come.
    expect(slow.messages().length).toBeLessThan(520);
    expect(positionsOf(slow).slice(0, -1)).toEqual(sequence(402, slow.messages().length - 1));
    expect(idsOf(slow).at(-1)).toBe(id);
    slow.end();
  });

  test('dashboard#G9: a release does not push what was muted; sync and the next connect have it', async () => {
    const { a, b } = await startTalk(database, url());
    const client = await open(0, b);
    await client.untilMessages(1);
    await flip(b, 'full');
    const [before] = await say(url(), a, b);
    const target = { target_kind: 'agent', target_handle: a.handle };
    expect((await request(`${url()}/v1/mutes`, b.key, 'POST', target)).status).toBe(201);
    const [muted] = await say(url(1), a, b);
    await fetch(`${url()}/v1/mutes/agent/${a.handle}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${b.key}` },
    });
    const during = await open(1, b);
    const [after] = await say(url(), a, b);
    await flip(b, 'none');
    for (const socket of [client, during]) await socket.untilMessages(3);
    await client.roundTrip();
    expect(idsOf(client).slice(1)).toEqual([before?.id, after?.id]);
    // Opened during the pause: the muted one is part of the backlog that its connect was owed.
    await during.untilMessages(4);
    expect(positionsOf(during)).toEqual(sequence(1, 4));
    expect((await callsOf(url(), b).sync()).map(({ id }) => id)).toContain(muted?.id);
    const fresh = await open(0, b);
    await fresh.untilMessages(4);
    expect(idsOf(fresh)).toContain(muted?.id);
    for (const socket of [client, during, fresh]) socket.end();
  });
});
