import { inboxInId } from '../../domain/guards';
import { setPause } from '../../store/accounts/set-pause';
import { setBlock } from '../../store/contacts/relations';
import { call } from '../support/agents';
import { makeSenders, request, send, type Sender } from '../support/traffic';
import { useStack, withStack } from '../support/use-stack';
import { countUndelivered } from '../../store/inbox/backlog';
import { seedBacklog, pretendBacklog } from '../support/backlog';

describe('direct messages over HTTP', () => {
  const { database, url } = useStack({ workers: 0 });

  async function two(): Promise<[Sender, Sender]> {
    const [a, b] = await makeSenders(database, 2);
    return [a, b];
  }

  async function establishedTwo(): Promise<[Sender, Sender]> {
    const [a, b] = await two();
    await send(url(), a, b, 'open');
    await send(url(), b, a, 'reply');
    return [a, b];
  }

  const post = (from: Sender, body: unknown) => request(`${url()}/v1/messages`, from.key, 'POST', body);
  const sync = async (agent: Sender, query = '') => request(`${url()}/v1/messages/sync${query}`, agent.key);
  const ack = (agent: Sender, last: unknown) =>
    request(`${url()}/v1/messages/sync/ack`, agent.key, 'POST', { last_delivery_id: last });
  const rowsOf = async (agent: Sender): Promise<Record<string, unknown>[]> => {
    const { body } = await sync(agent);
    if (!Array.isArray(body)) throw new Error('sync answers a bare array');
    return body;
  };

  test('messaging#1: a repeated client_msg_id answers the original whatever the new body says', async () => {
    const [a, b] = await two();
    const [c] = await two();
    const first = await send(url(), a, b, 'same');
    const response = await fetch(`${url()}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.key}` },
      body: JSON.stringify({ to: c.handle, client_msg_id: 'same', content: { text: 'other' } }),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('idempotent-replay')).toBe('true');
    expect(await response.json()).toEqual(first.body);
    expect(await rowsOf(b)).toHaveLength(1);
    expect(await rowsOf(c)).toHaveLength(0);
  });

  test('messaging#2: twenty parallel identical sends make one message', async () => {
    const [a, b] = await two();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(url(), a, b, 'twenty')));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await rowsOf(b)).toMatchObject([{ seq: 1 }]);
  });

  test('messaging#3: a replay is answered after a block and under a pause', async () => {
    const [a, b] = await two();
    await send(url(), a, b, 'before');
    await setBlock(database, { from: b.id, to: a.id, at: new Date() });
    await setPause(database, a.id, 'send', new Date());
    expect((await send(url(), a, b, 'before')).status).toBe(200);
    expect((await send(url(), a, b, 'after')).body.code).toBe('AGENT_PAUSED_BY_OWNER');
  });

  test('messaging#4: the client_msg_id of a refused send can be used again', async () => {
    const [a, b] = await two();
    await setPause(database, a.id, 'full', new Date());
    expect((await send(url(), a, b, 'again')).status).toBe(403);
    await setPause(database, a.id, 'none', new Date());
    expect((await send(url(), a, b, 'again')).status).toBe(201);
  });

  test('messaging#5: malformed bodies are 400, an empty text and a bare string are messages', async () => {
    const [a, b] = await establishedTwo();
    const good = { to: b.handle, client_msg_id: 'x', content: { text: 'x' } };
    const bad: unknown[] = [
      { ...good, conversation_id: 'grp_x' },
      { client_msg_id: 'x', content: { text: 'x' } },
      { ...good, content: {} },
      { ...good, content: { data: [] } },
      { ...good, metadata: [] },
      { ...good, type: 'system' },
      { ...good, client_msg_id: '' },
      { ...good, client_msg_id: 'x'.repeat(129) },
      [good],
      null,
      'text',
    ];
    for (const body of bad) {
      expect(await post(a, body)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    expect((await post(a, { ...good, client_msg_id: 'e', content: { text: '' } })).status).toBe(201);
    const bare = await post(a, { ...good, client_msg_id: 's', content: 'hi', metadata: null });
    expect(bare).toMatchObject({ status: 201, body: { content: { text: 'hi' }, metadata: {}, type: 'text' } });
  });

  test('data and metadata come back with their keys in the order in which they were sent', async () => {
    const [a, b] = await two();
    const data = '{"b":1,"2":{"10":"x","9":"y"},"a.b":2,"$set":{},"":0,"1":[]}';
    const body = `{"to":"${b.handle}","client_msg_id":"order","content":{"data":${data}},"metadata":{"z":1,"7":2}}`;
    const answer = await fetch(`${url()}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.key}` },
      body,
    });
    expect(answer.status).toBe(201);
    const synced = await fetch(`${url()}/v1/messages/sync`, { headers: { authorization: `Bearer ${b.key}` } });
    for (const text of [await answer.text(), await synced.text()]) {
      expect(text).toContain(`"content":{"data":${data}},"metadata":{"z":1,"7":2}`);
    }
  });

  test('messaging.md §3.1: a number that JSON cannot write is 400, never null; a string like one passes', async () => {
    const [a, b] = await establishedTwo();
    let sent = 0;
    const sendRaw = (data: string, metadata = '{}', more = '') => {
      const body = `{"to":"${b.handle}","client_msg_id":"n-${(sent += 1)}",${more}"content":{"data":${data}},"metadata":${metadata}}`;
      return call(url(), 'POST', '/v1/messages', { key: a.key, body });
    };
    const huge = ['1e400', '-1e400', '1.5E+309', '1e0000400', `1${'0'.repeat(309)}`, `-${'9'.repeat(250)}.0e70`];
    const refused = [
      ...huge.map((number) => sendRaw(`{"n":[{"m":${number}}]}`)),
      sendRaw('{"2":1e400,"1":0}'),
      sendRaw('{}', '{"n":1e400}'),
    ];
    for (const answer of refused)
      expect(await answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    const data = `{"1e400":"1e400 ${'9'.repeat(400)}","n":[1e+308,1e-400]}`;
    const kept = await sendRaw(data, '{"m":1e308}', '"unknown":1e400,');
    expect(kept).toMatchObject({ status: 201, body: { content: { data: JSON.parse(data) }, metadata: { m: 1e308 } } });
  });

  test('messaging#6: 32,768 bytes of content and metadata pass, one more does not; text counts in bytes', async () => {
    const [a, b] = await establishedTwo();
    const frame = '{"text":""}'.length;
    const text = 'é'.repeat((32_768 - frame - 1) / 2) + 'x';
    const exact = await post(a, { to: b.handle, client_msg_id: 'exact', content: { text } });
    expect(exact.status).toBe(201);
    const over = await post(a, { to: b.handle, client_msg_id: 'over', content: { text: `${text}x` } });
    expect(over).toMatchObject({ status: 413, body: { code: 'CONTENT_TOO_LARGE', details: { max_bytes: 32_768 } } });
    const metadata = await post(a, { to: b.handle, client_msg_id: 'meta', content: { text }, metadata: { a: 1 } });
    expect(metadata.status).toBe(413);
  });

  test('messaging#7: handles are normalised; unknown, suspended and deleted ones look the same; self is 400', async () => {
    const [a, b] = await two();
    const ok = await post(a, { to: `@${b.handle.toUpperCase()}`, client_msg_id: 'n', content: 'hi' });
    expect(ok.status).toBe(201);
    const [c] = await two();
    await database.guards.updateOne({ _id: inboxInId(c.id) }, { $set: { status: 'suspended' }, $inc: { v: 1 } });
    const unknown = await post(a, { to: 'never-was', client_msg_id: 'u', content: 'hi' });
    const suspended = await post(a, { to: c.handle, client_msg_id: 'u', content: 'hi' });
    expect(unknown).toEqual(suspended);
    expect(unknown.body.code).toBe('AGENT_NOT_FOUND');
    expect((await post(a, { to: a.handle, client_msg_id: 'u', content: 'hi' })).body.code).toBe('VALIDATION_ERROR');
  });

  test('messaging#8: a direct conversation is not a target: 400 for its participant, 404 for a stranger', async () => {
    const [a, b] = await two();
    const { body } = await send(url(), a, b, 'first');
    const [stranger] = await two();
    const target = { conversation_id: body['conversation_id'], client_msg_id: 'c', content: 'hi' };
    expect((await post(a, target)).body.code).toBe('VALIDATION_ERROR');
    expect((await post(stranger, target)).body.code).toBe('GROUP_NOT_FOUND');
  });

  test('messaging#10: a refused opener leaves no conversation and no use of the cap', async () => {
    const [a, b] = await two();
    await pretendBacklog(database, b.id, 10_000);
    const refused = await send(url(), a, b, 'full');
    expect(refused.body).toMatchObject({ code: 'RECIPIENT_BACKLOGGED', details: { undelivered_count: 10_000 } });
    expect(await database.messages.countDocuments({ senderId: a.id })).toBe(0);
    expect(await database.guards.findOne({ _id: `sender:${a.id}` })).toMatchObject({ coldOpeners: [] });
  });

  test('messaging#11: the opener waits for its reply; then both write freely and are contacts', async () => {
    const [a, b] = await two();
    const opener = await send(url(), a, b, 'opener');
    const second = await send(url(), a, b, 'second');
    expect(second).toMatchObject({
      status: 403,
      body: {
        code: 'AWAITING_REPLY',
        details: { recipient_handle: b.handle, waiting_since: opener.body['created_at'] },
      },
    });
    expect((await send(url(), b, a, 'reply')).body.seq).toBe(2);
    expect((await send(url(), a, b, 'second')).body.seq).toBe(3);
    const contacts = await database.contacts.find({ ownerId: { $in: [a.id, b.id] } }).toArray();
    expect(contacts.map(({ ownerId, contactId }) => [ownerId, contactId]).sort()).toEqual(
      [
        [a.id, b.id],
        [b.id, a.id],
      ].sort(),
    );
  });

  test('messaging#17: the header tells 5,000, the refusal 10,000, one ack opens again', async () => {
    const [a, b] = await establishedTwo();
    const last = (await rowsOf(b)).at(-1)?.['delivery_id'];
    const warningTo = async (id: string) => {
      const response = await fetch(`${url()}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${a.key}` },
        body: JSON.stringify({ to: b.handle, client_msg_id: id, content: 'hi' }),
      });
      return [response.status, response.headers.get('x-backlog-warning')];
    };
    const grow = async (undelivered: number) =>
      seedBacklog(database, a, b, undelivered - (await countUndelivered(database, b.id)));
    await grow(4_999);
    expect(await warningTo('b1')).toEqual([201, null]);
    expect(await warningTo('b2')).toEqual([201, `${b.handle}=5000`]);
    await grow(10_000);
    expect(await warningTo('b3')).toEqual([429, null]);
    expect((await ack(b, last)).body.acked).toBe(1);
    expect(await warningTo('b3')).toEqual([201, `${b.handle}=9999`]);
  });

  test('messaging#23: sync is repeatable, an ack moves the prefix, foreign cursors mean nothing', async () => {
    const [a, b] = await establishedTwo();
    for (const id of ['1', '2', '3', '4']) await send(url(), a, b, id);
    const rows = await rowsOf(b);
    expect(await rowsOf(b)).toEqual(rows);
    expect(rows.map(({ seq }) => seq)).toEqual([1, 3, 4, 5, 6]);
    const middle = rows[2]?.['delivery_id'];
    expect((await sync(b, `?after=${String(middle)}`)).body).toEqual(rows.slice(3));
    expect((await ack(b, middle)).body).toEqual({ acked: 3 });
    expect((await ack(b, middle)).body).toEqual({ acked: 0 });
    expect(await rowsOf(b)).toEqual(rows.slice(3));
    expect((await sync(a, `?after=${String(middle)}`)).body).toEqual([]);
    expect((await ack(a, middle)).body).toEqual({ acked: 0 });
    expect((await ack(b, 'del_nonsense')).body).toEqual({ acked: 0 });
    expect((await sync(b, '?after=nonsense')).body).toEqual([]);
    expect((await ack(b, '')).status).toBe(400);
  });

  test('conventions#8: a sync limit below 1 or not a whole number is 400, above 500 it is 500', async () => {
    const [a] = await two();
    for (const limit of ['0', '-5', '2.7', 'abc']) expect((await sync(a, `?limit=${limit}`)).status).toBe(400);
    for (const limit of ['', '1', '1000000000']) expect((await sync(a, `?limit=${limit}`)).status).toBe(200);
  });

  test('messaging#24: under a full pause sync and ack answer empty before they look at anything', async () => {
    const [a, b] = await establishedTwo();
    await setPause(database, b.id, 'full', new Date());
    await send(url(), a, b, 'held');
    expect((await sync(b, '?limit=abc')).body).toEqual([]);
    const broken = await fetch(`${url()}/v1/messages/sync/ack`, {
      method: 'POST',
      headers: { authorization: `Bearer ${b.key}` },
      body: '{broken',
    });
    expect(await broken.json()).toEqual({ acked: 0 });
    await setPause(database, b.id, 'none', new Date());
    expect((await rowsOf(b)).map(({ seq }) => seq)).toEqual([1, 3]);
  });

  test('data and metadata come back as they were sent: odd keys, order, surrogates, depth', async () => {
    const [a, b] = await establishedTwo();
    const data = '{"":1,"$set":{"a.b":[null]},"b":1.5,"a":"\\ud800","__proto__":{"x":1},"\\u0000":2}';
    const body = `{"to":"${b.handle}","client_msg_id":"\\ud800","content":{"data":${data}},"metadata":${data}}`;
    const response = await fetch(`${url()}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${a.key}` },
      body,
    });
    expect(response.status).toBe(201);
    expect(await response.text()).toContain(JSON.stringify(JSON.parse(data)));
    const raw = await fetch(`${url()}/v1/messages/sync`, { headers: { authorization: `Bearer ${b.key}` } });
    expect((await raw.text()).split(JSON.stringify(JSON.parse(data)))).toHaveLength(3);
    const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
    for (const [levels, status] of [
      [100, 201],
      [101, 400],
      [40_000, 400],
    ] as const) {
      const deep = await fetch(`${url()}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${a.key}` },
        body: `{"to":"${b.handle}","client_msg_id":"d${levels}","content":{"data":${nested(levels)}}}`,
      });
      expect([levels, deep.status]).toEqual([levels, status]);
    }
  });
});

test('messaging#19: the 61st send of a second is 429 with Retry-After 1', async () => {
  await withStack({ workers: 0, env: { RATE_LIMITS: 'on' } }, async ({ database, url }) => {
    const [a, b] = await makeSenders(database, 2);
    await send(url(), a, b, 'open');
    await send(url(), b, a, 'reply');
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const response = await fetch(`${url()}/v1/messages`, {
          method: 'POST',
          headers: { authorization: `Bearer ${a.key}` },
          body: JSON.stringify({ to: b.handle, client_msg_id: `r${index}`, content: 'hi' }),
        });
        return { status: response.status, wait: response.headers.get('retry-after'), body: await response.text() };
      }),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.wait).toBe('1');
    expect(JSON.parse(refused[0]?.body ?? '')).toMatchObject({
      code: 'RATE_LIMITED',
      details: { scope: 'sender', limit: 60 },
    });
    const rows = await database.messages.find({ senderId: a.id }).toArray();
    const perSecond = new Map<number, number>();
    for (const row of rows) {
      const second = Math.floor(row.createdAt.getTime() / 1000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(60);
  });
});
