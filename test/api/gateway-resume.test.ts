import { randomUUID } from 'node:crypto';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { linesOf, recordsOf, signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SocketClient } from '../realtime/socket-client';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §12.1: streams that go on where they broke, wherever that was. */
describe('streams that are taken up again', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  async function ownedAgent(): Promise<[GatewayUser, TestAgent]> {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(user.owner, agent);
    return [user, agent];
  }
  /** A turn that has said `Good morning` so far. */
  async function openTurn() {
    const [user, agent] = await ownedAgent();
    const answer = user.chat(agent.agent, 'Hello');
    const key = agent.apiKey;
    const id = await waitFor(async () => {
      const { turns } = (await call(url(), 'GET', '/v1/gateway/turns', { key })).body;
      return (turns[0]?.execution_id as string | undefined) ?? null;
    });
    const path = `/v1/gateway/turns/${id}`;
    for (const [index, text] of ['Good ', 'morning'].entries()) {
      await call(url(), 'POST', `${path}/events`, { key, body: { events: [{ type: 'delta', index, text }] } });
    }
    return {
      user,
      answer,
      id,
      stream: `/api/agents/${agent.agent.handle}/executions/${id}/stream`,
      complete: () => call(url(), 'POST', `${path}/complete`, { key, body: { client_msg_id: randomUUID() } }),
    };
  }
  /** The text of a stream of an execution, read to its end. */
  const read = async (user: GatewayUser, path: string, lastEventId?: string) => {
    const more = lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } };
    return (await user.stream(path, { method: 'GET', node: 1, ...more })).text();
  };
  const typesOf = (records: Parsed[]) => records.map(({ type }) => type);

  test('gateway#13: an id that no event has brings the text so far as one, then what comes', async () => {
    const { user, answer, id, stream, complete } = await openTurn();
    const reading = ['9999', 'made-up', '-1'].map((known) => read(user, stream, known));
    const first = await user.stream(stream, { method: 'GET', headers: { 'last-event-id': '9999' } });
    expect([first.status, first.headers.get('x-execution-id')]).toEqual([200, id]);
    const reader = first.body?.getReader();
    let seen = '';
    await waitFor(
      async () => {
        seen += Buffer.from((await reader?.read())?.value ?? new Uint8Array()).toString('utf8');
        return seen.includes('snapshot');
      },
      { describe: 'the snapshot before the end' },
    );
    expect(recordsOf(seen)).toEqual([{ type: 'snapshot', content: 'Good morning' }]);
    await reader?.cancel();
    await complete();
    expect((await answer).body.response).toBe('Good morning');
    for (const text of await Promise.all(reading)) {
      const records = recordsOf(text);
      expect(records[0]).toEqual({ type: 'snapshot', content: 'Good morning' });
      expect([typesOf(records).includes('text'), records.at(-1)?.type]).toEqual([false, 'done']);
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    }
  });

  test('gateway#13: who resumes from a snapshot gets exactly what came behind it', async () => {
    const { user, answer, stream, complete } = await openTurn();
    await complete();
    await answer;
    const ids = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    const snapshot = await read(user, stream, '9999');
    const whole = await read(user, stream);
    expect(ids(snapshot).at(-1)).toBe(ids(whole).at(-1));
    const [through] = ids(snapshot);
    expect(typesOf(recordsOf(await read(user, stream, String(through))))).toEqual(['done']);
    expect(typesOf(recordsOf(await read(user, stream, String(ids(whole).at(-1)))))).toEqual(['done']);
    const texts = recordsOf(whole).filter(({ type }) => type === 'text');
    expect(texts.map(({ content }) => content as string).join('')).toBe('Good morning');
  });

  test('gateway#13: once its events are gone a turn is told as its answer and its end', async () => {
    const { user, answer, id, stream, complete } = await openTurn();
    await complete();
    await answer;
    await database.gatewayEvents.deleteMany({ executionId: id });
    for (const known of [undefined, '1', '3']) {
      const records = recordsOf(await read(user, stream, known));
      expect(records).toMatchObject([
        { type: 'snapshot', content: 'Good morning' },
        { type: 'done', execution_id: id },
      ]);
    }
    const { body } = await user.call('GET', stream.replace('/stream', ''));
    expect(body).toMatchObject({ status: 'completed', response: 'Good morning' });
  });

  test('gateway#13: `format=ndjson` is the same as stream-json, its beginning and its end included', async () => {
    const { user, answer, id, stream, complete } = await openTurn();
    await complete();
    await answer;
    const response = await user.stream(`${stream}?format=ndjson`, { method: 'GET' });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const lines = linesOf(await response.text());
    const deltas = lines.filter(({ type }) => type === 'stream_event').map(({ event }) => event.delta.text as string);
    expect(deltas.join('')).toBe('Good morning');
    expect(lines[0]).toMatchObject({ type: 'system', subtype: 'init', execution_id: id });
    expect(lines.at(-1)).toMatchObject({ type: 'result', subtype: 'success', result: 'Good morning' });
    const snapshot = linesOf(await read(user, `${stream}?format=ndjson&after=9999`));
    expect(snapshot.find(({ type }) => type === 'snapshot')).toMatchObject({ content: 'Good morning' });
    expect(snapshot.at(-1).result).toBe('Good morning');
    expect((await user.call('GET', `${stream}?format=xml`)).status).toBe(400);
  });

  test('gateway#14: the end of a resumed stream is read by who gets it, not by an owner who watches', async () => {
    const [[owner, agent], user] = await Promise.all([ownedAgent(), signInUser(stack)]);
    const path = `/agents/${agent.agent.handle}`;
    const leaving = new AbortController();
    const broken = await user.stream(`${path}/chat/stream`, { body: { message: 'Hello' }, signal: leaving.signal });
    const id = broken.headers.get('x-execution-id') ?? '';
    leaving.abort();
    await expect(broken.text()).rejects.toThrow();
    const body = { client_msg_id: randomUUID(), content: { text: 'Good morning' } };
    const complete = () => call(url(), 'POST', `/v1/gateway/turns/${id}/complete`, { key: agent.apiKey, body });
    await waitFor(async () => (await complete()).status === 201, { describe: 'the answer' });
    const unread = async () => (await user.call('GET', `${path}/inbox`)).body.unread_count as number;
    await waitFor(async () => (await unread()) === 1, { describe: 'one unread' });
    const stream = `/api${path}/executions/${id}/stream`;
    for (let count = 0; count < 3; count += 1) {
      expect(typesOf(recordsOf(await read(owner, stream))).at(-1)).toBe('done');
      expect(await unread()).toBe(1);
    }
    await read(user, stream);
    await waitFor(async () => (await unread()) === 0, { describe: 'nothing unread' });
  });

  test('gateway#13: visitors of a share link come back to their streams like anybody', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    await claim(user.owner, echo.account);
    const { token } = (await user.call('POST', `/api/agents/${echo.handle}/public-links`, { body: {} })).body;
    const said = await call(url(), 'POST', `/api/public/chat/${token}`, { body: { message: 'Hi' } });
    const { execution_id: id, session_id: session } = said.body;
    const stream = `/api/public/executions/${token}/${id}/stream?session_id=${session}`;
    const recordsBehind = async (known?: string) => {
      const headers = known === undefined ? undefined : { 'last-event-id': known };
      const text = await (await fetch(url(1) + stream, headers === undefined ? {} : { headers })).text();
      return { text, types: typesOf(recordsOf(text)) };
    };
    const { text, types } = await recordsBehind();
    expect(types.slice(-2)).toEqual(['text', 'done']);
    const [last = ''] = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id).slice(-1);
    expect((await recordsBehind(last)).types).toEqual(['done']);
    const missed = await recordsBehind('made-up');
    expect(recordsOf(missed.text)).toMatchObject([{ type: 'snapshot', content: 'You said: Hi' }, { type: 'done' }]);
    echo.disconnect();
  });

  test('gateway.md §10.2: with `fail_fast` an agent that is offline is a 503, and nothing is stored', async () => {
    const [user, agent] = await ownedAgent();
    const { handle, _id: agentId } = agent.agent;
    for (const path of [`/api/agents/${handle}/chat`, `/agents/${handle}/chat/stream`]) {
      const { status, body } = await user.call('POST', path, { body: { message: 'Hi', fail_fast: true } });
      expect([status, body]).toEqual([
        503,
        {
          code: 'AGENT_UNAVAILABLE',
          message: expect.any(String),
          detail: body.message,
          details: { reason: 'offline' },
        },
      ]);
    }
    expect(await database.gatewaySessions.countDocuments({ agentId })).toBe(0);
    const echo = await startEcho(database, url());
    await claim(user.owner, echo.account);
    await waitFor(async () => (await user.call('GET', `/api/agents/${echo.handle}`)).body.online === true);
    expect((await user.chat(echo, 'Hi', { fail_fast: true })).body.response).toBe('You said: Hi');
    echo.disconnect();
    expect((await user.chat(agent.agent, 'Hi', { fail_fast: false, timeout_seconds: 1 })).status).toBe(504);
    const socket = await SocketClient.hello(url(), agent.apiKey, ['ack']);
    await waitFor(async () => (await user.call('GET', `/api/agents/${handle}`)).body.online === true);
    const heard = await user.chat(agent.agent, 'Hi', { fail_fast: true, timeout_seconds: 1 });
    expect(heard.status).toBe(504);
    socket.end();
  });

  test('gateway.md §3: pages of other origins may read what names a turn, and resume', async () => {
    const origin = 'https://elsewhere.example';
    for (const path of ['/api/agents', '/agents', '/api/agents/x/chat']) {
      const answer = await fetch(url() + path, { headers: { origin } });
      const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
      expect(exposed).toEqual(
        expect.arrayContaining(['X-Execution-Id', 'X-Session-Id', 'Link', 'Retry-After', 'X-Request-Id']),
      );
      const preflight = await fetch(url() + path, { method: 'OPTIONS', headers: { origin } });
      expect(preflight.headers.get('access-control-allow-headers')).toContain('Last-Event-ID');
    }
    const native = await fetch(`${url()}/v1/agents/x`, { headers: { origin } });
    expect(native.headers.get('access-control-expose-headers')).not.toContain('X-Execution-Id');
  });
});
