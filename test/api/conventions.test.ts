import { request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { call, createTestAgent, type CallAnswer, type Parsed, createTestAgents } from '../support/agents';
import { exchange } from '../support/raw-http';
import { useStack } from '../support/use-stack';
import { pretendBacklog } from '../support/backlog';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('conventions over HTTP', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const port = (): number => stack.apis[0]?.port ?? 0;

  const expectEnvelope = (answer: CallAnswer, status: number, code: string) => {
    expect([answer.status, answer.body?.code]).toEqual([status, code]);
    expect(typeof answer.body.message).toBe('string');
    expect(Object.keys(answer.body).filter((name) => !['code', 'message', 'details'].includes(name))).toEqual([]);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.headers.get('x-request-id')).toMatch(UUID);
  };
  const message = (to: string) => ({ to, client_msg_id: `m-${Math.random()}`, content: 'hi' });

  test('conventions#1: every refusal is the flat envelope with a request id', async () => {
    const { apiKey: key, agent } = await createTestAgent(database);
    expectEnvelope(await call(url(), 'GET', '/v1/nowhere'), 404, 'NOT_FOUND');
    expectEnvelope(await call(url(), 'PUT', '/v1/messages', { key, body: {} }), 404, 'NOT_FOUND');
    expectEnvelope(await call(url(), 'POST', '/v1/messages', { key, body: '{bad' }), 400, 'VALIDATION_ERROR');
    expectEnvelope(await call(url(), 'POST', '/v1/messages', { key }), 400, 'VALIDATION_ERROR');
    expectEnvelope(await call(url(), 'GET', '/v1/agents/me'), 401, 'UNAUTHORIZED');
    const huge = 'x'.repeat(1_048_577);
    expectEnvelope(await call(url(), 'POST', '/v1/messages', { key, body: huge }), 413, 'CONTENT_TOO_LARGE');
    expectEnvelope(await call(url(), 'POST', '/v1/register', { body: huge }), 413, 'PAYLOAD_TOO_LARGE');
    const { agent: full } = await createTestAgent(database);
    await pretendBacklog(database, full._id, 10_000);
    const backlogged = await call(url(), 'POST', '/v1/messages', { key, body: message(full.handle) });
    expectEnvelope(backlogged, 429, 'RECIPIENT_BACKLOGGED');
    const toSelf = await call(url(), 'POST', '/v1/messages', { key, body: message(agent.handle) });
    expectEnvelope(toSelf, 400, 'VALIDATION_ERROR');
    expectEnvelope(await call(url(), 'GET', '/v1/messages/sync?limit=0', { key }), 400, 'VALIDATION_ERROR');
  });

  test('conventions#2: a usable request id is echoed, any other replaced', async () => {
    const idFor = async (id: string, path = '/') =>
      (await call(url(), 'GET', path, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    for (const id of ['x', '~'.repeat(128)]) {
      expect(await idFor(id)).toBe(id);
      expect(await idFor(id, '/v1/nowhere')).toBe(id);
    }
    for (const id of ['x'.repeat(129), 'a b', 'a\tb', 'é', '']) expect(await idFor(id)).toMatch(UUID);
  });

  test('conventions#3, identity#20: only a live key after one space counts; all refusals are the same', async () => {
    const live = await createTestAgent(database);
    const ended = await createTestAgent(database);
    await deleteAgent(database, ended.agent._id, new Date());
    const me = (authorization?: string) =>
      call(url(), 'GET', '/v1/agents/me', { headers: authorization === undefined ? {} : { authorization } });
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect((await me(`${scheme} ${live.apiKey}`)).status).toBe(200);
    const bare = await me();
    expectEnvelope(bare, 401, 'UNAUTHORIZED');
    const basic = `Basic ${Buffer.from(live.apiKey).toString('base64')}`;
    for (const authorization of [
      `Bearer  ${live.apiKey}`,
      basic,
      live.apiKey,
      'Bearer',
      `Bearer ${live.apiKey} x`,
      `Bearer ${live.apiKey.slice(0, -1)}`,
      `Bearer ${ended.apiKey}`,
    ]) {
      const refused = await me(authorization);
      expect([authorization, refused.status, refused.text]).toEqual([authorization, 401, bare.text]);
    }
    expect((await call(url(), 'GET', '/v1/agents/@me', { key: live.apiKey })).status).toBe(404);
    expect((await call(url(), 'GET', '/', { headers: { authorization: 'garbage' } })).status).toBe(200);
  });

  test('conventions#5, conventions#14: a suspended agent reads itself and nothing else, paused or not', async () => {
    const { agent, apiKey: key } = await createTestAgent(database);
    const { agent: other } = await createTestAgent(database);
    await setStatus(database, agent._id, 'suspended', new Date());
    await setPause(database, agent._id, 'full', new Date());
    expect((await call(url(), 'GET', '/v1/agents/me', { key })).body).toMatchObject({ status: 'suspended' });
    for (const refused of [
      await call(url(), 'GET', '/v1/messages/sync', { key }),
      await call(url(), 'POST', '/v1/messages/sync/ack', { key, body: '{bad' }),
      await call(url(), 'POST', '/v1/messages', { key, body: message(other.handle) }),
    ]) {
      expectEnvelope(refused, 403, 'SUSPENDED');
      expect(refused.body.details).toEqual({ reason: 'community_enforcement' });
    }
  });

  test('conventions#9: a handle is found however it is typed, with one @ and no more', async () => {
    const { agent } = await createTestAgent(database);
    const sendTo = async (to: string) => {
      const { apiKey: key } = await createTestAgent(database);
      const { status, body } = await call(url(), 'POST', '/v1/messages', { key, body: message(to) });
      return [to, status, body.code];
    };
    for (const to of [agent.handle, `@${agent.handle}`, agent.handle.toUpperCase()]) {
      expect(await sendTo(to)).toEqual([to, 201, undefined]);
    }
    for (const to of [`@@${agent.handle}`, `${agent.handle}-`, 'no such', '$where', 'a'.repeat(5_000)]) {
      expect(await sendTo(to)).toEqual([to, 404, 'AGENT_NOT_FOUND']);
    }
  });

  test('conventions#11: "not yours" and "not there" have the same body', async () => {
    const [one, other, stranger] = await createTestAgents(database, 3);
    const sent = await call(url(), 'POST', '/v1/messages', { key: one.apiKey, body: message(other.agent.handle) });
    const write = (conversationId: string) =>
      call(url(), 'POST', '/v1/messages', {
        key: stranger.apiKey,
        body: { conversation_id: conversationId, client_msg_id: 'c', content: 'hi' },
      });
    const notYours = await write(sent.body.conversation_id);
    const absent = await write('conv_AAAAAAAAAAAAAAAA');
    expect([notYours.status, notYours.text]).toEqual([absent.status, absent.text]);
    expect(notYours.status).toBe(404);
  });

  test('conventions#12: a preflight lists the client headers; the dashboard is closed to unlisted origins', async () => {
    const preflight = (path: string) =>
      call(url(), 'OPTIONS', path, {
        headers: { origin: 'https://anywhere.example', 'access-control-request-method': 'POST' },
      });
    const { status, headers } = await preflight('/v1/messages');
    expect([status, headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    expect(headers.get('access-control-allow-headers')).toContain('X-AgentChat-Client,');
    expect(headers.get('access-control-allow-headers')).toContain('X-AgentChat-Client-Version');
    expect((await preflight('/dashboard/me')).headers.get('access-control-allow-origin')).toBeNull();
    const refused = await call(url(), 'GET', '/v1/agents/me', { headers: { origin: 'https://anywhere.example' } });
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    expect(refused.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
  });

  test('conventions#15: a chunked body above 1 MiB is 413, at 1 MiB it is read', async () => {
    expect(await chunked(port(), 1_048_577)).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
    expect(await chunked(port(), 1_048_576)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
  });

  test('conventions#1: bytes that are no HTTP are answered with the flat envelope', async () => {
    const broken = ['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nHost x\r\n\r\n', '\u0000\u0001\r\n\r\n'];
    const overflow = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`;
    for (const bytes of [...broken, overflow]) {
      const { status, head, body } = await exchange(port(), Buffer.from(bytes, 'latin1'));
      expect([400, 431]).toContain(status);
      expect(body).toEqual({ code: 'VALIDATION_ERROR', message: expect.any(String) });
      expect(head.toLowerCase()).toContain('x-request-id: ');
    }
  });

  test('no bytes as path, headers or body are answered with a 5xx', async () => {
    const { apiKey } = await createTestAgent(database);
    const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
    const known = fc.constantFrom('/v1/messages', '/v1/messages/sync', '/v1/messages/sync/ack', '/v1/register/verify');
    const path = fc.oneof(
      known.map((text) => Buffer.from(text)),
      fc.tuple(known, bytes).map(([text, tail]) => Buffer.concat([Buffer.from(`${text}?after=`), tail])),
      bytes.map((tail) => Buffer.concat([Buffer.from('/v1/'), tail])),
      fc.stringMatching(/^\/[%/.?#a-zA-Z0-9]{0,40}$/).map((text) => Buffer.from(text)),
    );
    const body = fc.oneof(
      bytes,
      fc.json({ noUnicodeString: false }).map((text) => Buffer.from(text)),
      fc
        .record(
          {
            to: fc.jsonValue(),
            conversation_id: fc.jsonValue(),
            client_msg_id: fc.jsonValue(),
            content: fc.jsonValue(),
            metadata: fc.jsonValue(),
            last_delivery_id: fc.jsonValue(),
            pending_id: fc.string(),
            code: fc.string({ minLength: 6, maxLength: 6 }),
          },
          { requiredKeys: [] },
        )
        .map((value) => Buffer.from(JSON.stringify(value))),
    );
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH');
    await fc.assert(
      fc.asyncProperty(method, path, bytes, body, async (verb, target, header, content) => {
        const request = Buffer.concat([
          Buffer.from(`${verb} `),
          target,
          Buffer.from(` HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${apiKey}\r\nX-Request-Id: `),
          header,
          Buffer.from(`\r\nX-AgentChat-Client: `),
          header,
          Buffer.from(`\r\nContent-Length: ${content.length}\r\n\r\n`),
          content,
        ]);
        const { status } = await exchange(port(), request);
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 400 },
    );
    expect((await call(url(), 'GET', '/v1/health')).body.mongodb).toBe(true);
  });
});

function parse(text: string): Parsed {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A body of `size` spaces without a Content-Length. */
function chunked(port: number, size: number): Promise<{ status: number; body: Parsed }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/v1/register' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) }),
      );
    });
    request.on('error', reject);
    for (let left = size; left > 0; left -= 65_536) request.write(Buffer.alloc(Math.min(left, 65_536), 0x20));
    request.end();
  });
}
