import { countUndelivered } from '../../store/inbox/backlog';
import { SocketClient } from '../realtime/socket-client';
import { countersOf, seedBacklog } from '../support/backlog';
import { callsOf, startTalk, type Row } from '../support/conversations';
import { request, send, type Sender } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Without these an agent that acks on two ways at once would be offered for ever what it took, or be told wrong counts. */
describe('acks at once', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const rowsOf = (agent: Sender, query = '?limit=500') => callsOf(url(), agent).sync(query);
  const allRowsOf = async (agent: Sender): Promise<Row[]> => {
    const rows = await rowsOf(agent);
    for (let page = rows; page.length === 500; rows.push(...page)) {
      page = await rowsOf(agent, `?limit=500&after=${String(page.at(-1)?.['delivery_id'])}`);
    }
    return rows;
  };
  const ack = async (agent: Sender, row: Row | undefined, node = 0): Promise<number> => {
    const answer = await callsOf(url(node), agent).ack(row?.['delivery_id']);
    expect(answer.status).toBe(200);
    return Number((answer.body as { acked?: unknown }).acked);
  };

  test('messaging#23: ack frames beside an ack over REST: the whole range is taken, each row counted once', async () => {
    const { a, b } = await startTalk(database, url());
    await ack(b, (await rowsOf(b)).at(-1));
    await seedBacklog(database, a, b, 1_100);
    const rows = await allRowsOf(b);
    expect(rows).toHaveLength(1_100);
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    await client.untilMessages(30);
    for (const { id } of client.messages().slice(0, 30)) client.send({ type: 'ack', message_id: id });
    const acked = await ack(b, rows.at(-1));
    expect(await rowsOf(b)).toEqual([]);
    expect(acked).toBeGreaterThanOrEqual(1_070);
    expect(acked).toBeLessThanOrEqual(1_100);
    client.end();
  });

  test('messaging#23: acks of three rows at once on two nodes share the rows, nothing is left over', async () => {
    const { a, b } = await startTalk(database, url());
    await ack(b, (await rowsOf(b)).at(-1));
    await seedBacklog(database, a, b, 1_100);
    const rows = await allRowsOf(b);
    const counts = await Promise.all([
      ack(b, rows[0], 1),
      ack(b, rows[1]),
      ack(b, rows.at(-1), 1),
      ack(b, rows.at(-1)),
    ]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1_100);
    expect(await rowsOf(b)).toEqual([]);
    expect(await countUndelivered(database, b.id)).toBe(0);
  });

  test('messaging#17: at the limit each ack on one node makes room for exactly one send on the other', async () => {
    const { a, b } = await startTalk(database, url());
    await ack(b, (await rowsOf(b)).at(-1));
    await seedBacklog(database, a, b, 10_000);
    const post = (id: string, node: number) =>
      request(`${url(node)}/v1/messages`, a.key, 'POST', {
        to: `@${b.handle}`,
        client_msg_id: id,
        content: { text: 'one more' },
      });
    for (let round = 0; round < 6; round += 1) {
      const refused = await post(`full-${round}`, round % 2);
      expect([refused.status, (refused.body as { details?: unknown }).details]).toEqual([
        429,
        { recipient_handle: b.handle, undelivered_count: 10_000 },
      ]);
      expect(await ack(b, (await rowsOf(b, '?limit=1'))[0], (round + 1) % 2)).toBe(1);
      const sent = await Promise.all([post(`in-${round}`, 0), post(`out-${round}`, 1)]);
      expect(sent.map(({ status }) => status).sort()).toEqual([201, 429]);
    }
    expect(await countersOf(database, b)).toEqual({ counted: 10_000, stored: 10_000 });
  });

  test('messaging#17: the warning counts what is stored, while reads and frames take rows on both nodes', async () => {
    const { a, b } = await startTalk(database, url());
    await ack(b, (await rowsOf(b)).at(-1));
    await seedBacklog(database, a, b, 5_200);
    const clients = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), b.key, ['ack'])));
    await Promise.all(clients.map((client) => client.untilMessages(150, 60_000)));
    const ids =
      clients[0]
        ?.messages()
        .slice(0, 150)
        .map(({ id }) => id) ?? [];
    const read = ids.filter((_id, index) => index % 3 === 0);
    for (const [index, message_id] of ids.entries()) {
      if (index % 3 !== 0) clients[index % 2]?.send({ type: 'ack', message_id });
    }
    const reading = read.reduce(async (before, id, index) => {
      await before;
      expect((await callsOf(url(index % 2), b).read(String(id))).status).toBe(200);
    }, Promise.resolve());
    const sends = Array.from({ length: 20 }, (_, index) => send(url(index % 2), a, b, `beside-${index}`));
    await Promise.all([reading, ...sends]);
    const left = 5_200 - 150 + 20;
    await waitFor(async () => (await countUndelivered(database, b.id)) === left, { timeoutMs: 30_000 });
    const answer = await fetch(`${url()}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.key}` },
      body: JSON.stringify({ to: `@${b.handle}`, client_msg_id: 'after', content: { text: 'after' } }),
    });
    expect([answer.status, answer.headers.get('x-backlog-warning')]).toEqual([201, `${b.handle}=${left}`]);
    for (const client of clients) client.end();
  });
});
