import { randomUUID } from 'node:crypto';
import { newId } from '../../platform/ids';
import { claim } from '../support/owners';
import { linesOf, recordsOf, signInUser, startEcho } from '../support/gateway';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

describe('turns of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  test('gateway#1: a plain SDK agent answers a user as JSON, with the caller and the agent on two processes', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1))]);
    const answer = await user.chat(echo, 'Good morning');
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { response: 'You said: Good morning', agent_id: echo.id, agent_name: echo.handle, status: 'completed' },
    ]);
    expect(answer.body.conversation_id).toBe(answer.body.session_id);
    expect(answer.headers.get('x-execution-id')).toBe(answer.body.execution_id);
    expect(answer.headers.get('x-session-id')).toBe(answer.body.session_id);
    const [message] = echo.seen;
    expect(message?.sender).toMatch(/^guest-[a-z2-7]{20}$/);
    expect(message?.context?.sender).toMatchObject({ kind: 'agent', display_name: 'Visitor' });
    expect(message?.metadata).toMatchObject({
      gateway: {
        v: 1,
        execution_id: answer.body.execution_id,
        session_id: answer.body.session_id,
        channel: 'chat',
        user: { kind: 'account', is_owner: false, verified_email: null },
      },
    });
    expect(JSON.stringify(message)).not.toContain(user.owner.email);
    echo.disconnect();
  });

  test('gateway#6: without Accept an owner gets stream-json: init, deltas, the whole, result', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const response = await user.stream(`/api/agents/${echo.handle}/chat`, { body: { message: 'Hi' } });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    const lines = linesOf(await response.text());
    const [init] = lines;
    const result = lines.at(-1);
    expect(init).toMatchObject({ type: 'system', subtype: 'init', agent_name: echo.handle, tools: [] });
    expect(result).toMatchObject({ type: 'result', subtype: 'success', is_error: false, result: 'You said: Hi' });
    const deltas = lines.filter(({ type }) => type === 'stream_event').map(({ event }) => event.delta.text);
    const whole = lines.filter(({ type }) => type === 'assistant').map(({ message }) => message.content[0].text);
    expect([deltas.join(''), whole]).toEqual(['You said: Hi', ['You said: Hi']]);
    expect(new Set(lines.map(({ uuid }) => uuid)).size).toBe(lines.length);
    expect(lines.every(({ session_id }) => session_id === response.headers.get('x-session-id'))).toBe(true);
    echo.disconnect();
  });

  test('gateway#6: the reader that decodes each chunk alone reads the event stream, emoji and all', async () => {
    const text = '🙂'.repeat(3_000);
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1), () => text)]);
    const response = await user.stream(`/agents/${echo.handle}/chat/stream`, { body: { message: 'Smile' } });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    let seen = '';
    let raw = '';
    for await (const chunk of response.body ?? []) {
      const decoded = Buffer.from(chunk as Uint8Array).toString('utf8');
      raw += decoded;
      for (const line of decoded.split('\n')) {
        if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
        const record = JSON.parse(line.slice(6)) as { type: string; content: string };
        if (record.type === 'text') seen += record.content;
      }
    }
    expect(seen).toBe(text);
    expect(raw.startsWith(': connected\n\n')).toBe(true);
    expect(raw.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(recordsOf(raw).at(-1)).toMatchObject({ type: 'done', content: '' });
    echo.disconnect();
  });

  test('gateway#6: Accept and `stream` choose the representation, and the bare path is always JSON', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const typeOf = async (path: string, accept?: string, more: object = {}) => {
      const body = { message: 'Hi', new_session: true, ...more };
      const response = await user.stream(path, { body, ...(accept === undefined ? {} : { headers: { accept } }) });
      await response.text();
      return response.headers.get('content-type')?.split(';')[0];
    };
    const path = `/api/agents/${echo.handle}/chat`;
    expect(await typeOf(path, 'application/json')).toBe('application/json');
    expect(await typeOf(path, '*/*', { stream: false })).toBe('application/json');
    expect(await typeOf(path, 'application/json', { stream: true })).toBe('application/json');
    expect(await typeOf(path, 'application/json, application/x-ndjson')).toBe('application/x-ndjson');
    expect(await typeOf(path, 'text/event-stream')).toBe('text/event-stream');
    expect(await typeOf(`/agents/${echo.handle}/chat`, 'text/event-stream')).toBe('application/json');
    echo.disconnect();
  });

  test('gateway#7: an agent is found by its handle in any spelling and by its id, a guest by nothing', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    for (const name of [echo.handle.toUpperCase(), `@${echo.handle}`, echo.id]) {
      expect([name, (await user.chat({ handle: name }, 'Hi')).status]).toEqual([name, 200]);
    }
    const guest = echo.seen[0]?.sender ?? '';
    const missing = await user.chat({ handle: 'nobody-at-all' }, 'Hi');
    expect([missing.status, missing.body]).toEqual([
      404,
      { code: 'AGENT_NOT_FOUND', message: expect.any(String), detail: missing.body.message },
    ]);
    for (const name of [guest, newId('agent')]) {
      expect([name, (await user.chat({ handle: name }, 'Hi')).text]).toEqual([name, missing.text]);
    }
    echo.disconnect();
  });

  test('gateway#2: of two answers the first counts, and both are in the history', async () => {
    const user = await signInUser(stack);
    const twice = await SdkAgent.create(database, url());
    twice.onMessage(async ({ sender }) => {
      await twice.client.sendMessage({ to: sender, content: { text: 'one' }, client_msg_id: randomUUID() });
      await twice.client.sendMessage({ to: sender, content: { text: 'two' }, client_msg_id: randomUUID() });
    });
    await twice.connect();
    const { body } = await user.chat(twice, 'Count');
    expect(body.response).toBe('one');
    const path = `/api/agents/${twice.handle}/chat/sessions/${body.session_id}`;
    const shown = async () =>
      (await user.call('GET', path)).body.messages as { content: string; execution_id: string }[];
    await waitFor(async () => (await shown()).length === 3, { describe: 'both answers in the history' });
    expect((await shown()).map(({ content, execution_id }) => [content, execution_id])).toEqual([
      ['Count', body.execution_id],
      ['one', body.execution_id],
      ['two', null],
    ]);
    twice.disconnect();
  });

  test('gateway#2: an answer after the 504 completes the turn, one after a cancellation is kept as late', async () => {
    const user = await signInUser(stack);
    const slow = await SdkAgent.create(database, url());
    await slow.connect();
    const waited = await user.chat(slow, 'Later?', { timeout_seconds: 1 });
    expect([waited.status, waited.body]).toMatchObject([504, { code: 'TURN_TIMEOUT', details: { status: 'running' } }]);
    const { execution_id: id, poll } = waited.body.details;
    expect(waited.headers.get('x-execution-id')).toBe(id);
    const [asked] = slow.received;
    const reply = (text: string, metadata?: object) =>
      slow.client.sendMessage({
        to: asked?.sender ?? '',
        content: { text },
        client_msg_id: randomUUID(),
        ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
      });
    await reply('At last');
    await waitFor(async () => (await user.call('GET', poll)).body.status === 'completed', { describe: 'completed' });
    expect((await user.call('GET', poll)).body).toMatchObject({ response: 'At last', late_response: null });

    const second = user.chat(slow, 'And now?');
    await waitFor(() => slow.received.length === 2, { describe: 'the second message' });
    const listed = await user.call('GET', `/api/agents/${slow.handle}/executions`);
    const path = `/api/agents/${slow.handle}/executions/${listed.body[0].id}`;
    expect((await user.call('POST', `${path}/terminate`)).body).toMatchObject({ status: 'terminated' });
    expect([(await second).status, (await second).body.code]).toEqual([409, 'TURN_CANCELLED']);
    expect((await user.call('POST', `${path}/cancel`)).body).toMatchObject({ status: 'already_finished' });
    await reply('Too late', { reply_to: slow.received[1]?.id });
    await waitFor(async () => (await user.call('GET', path)).body.late_response === 'Too late', { describe: 'late' });
    expect((await user.call('GET', path)).body).toMatchObject({ status: 'cancelled', response: null });
    slow.disconnect();
  });

  test("gateway#2: an answer that names another guest's message completes nothing of this one", async () => {
    const [one, other] = await Promise.all([signInUser(stack), signInUser(stack)]);
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    const turns = [one.chat(agent, 'first', { timeout_seconds: 20 })];
    await waitFor(() => agent.received.length === 1, { describe: 'the first message' });
    turns.push(other.chat(agent, 'second', { timeout_seconds: 20 }));
    await waitFor(() => agent.received.length === 2, { describe: 'the second message' });
    const [first, second] = agent.received;
    const send = (to: string, text: string, reply_to?: string) =>
      agent.client.sendMessage({
        to,
        content: { text },
        client_msg_id: randomUUID(),
        ...(reply_to === undefined ? {} : { metadata: { reply_to } }),
      });
    await send(first?.sender ?? '', 'for the other', second?.id);
    await send(first?.sender ?? '', 'for one');
    await send(second?.sender ?? '', 'for other', second?.id);
    expect((await Promise.all(turns)).map(({ body }) => body.response)).toEqual(['for one', 'for other']);
    agent.disconnect();
  });

  test('gateway#3: turns of a session go one after another over two processes, and the fifth is refused', async () => {
    const user = await signInUser(stack);
    const agent = await SdkAgent.create(database, url(1));
    await claim(user.owner, agent.account);
    await agent.connect();
    const session = (await user.call('GET', `/api/agents/${agent.handle}/chat/sessions`)).body.sessions;
    expect(session).toEqual([]);
    const turns = [0, 1, 0, 1].map((node, index) => ({ node, text: `turn ${index}` }));
    const [head, ...rest] = turns;
    const first = user.chat(agent, head?.text ?? '');
    await waitFor(() => agent.received.length === 1, { describe: 'the first turn' });
    const others = rest.map(({ node, text }) => user.chat(agent, text, {}, node));
    const list = `/api/agents/${agent.handle}/executions`;
    await waitFor(async () => (await user.call('GET', list)).body.length === 4, { describe: 'four turns' });
    const refused = await user.chat(agent, 'one too many', {}, 1);
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'TURN_QUEUE_FULL',
      '30',
    ]);
    expect(agent.received).toHaveLength(1);
    const said: (string | undefined)[] = [];
    for (let count = 1; count <= 4; count += 1) {
      await waitFor(() => agent.received.length === count, { describe: `turn ${count}` });
      const message = agent.received[count - 1];
      said.push(message?.content.text);
      await agent.client.sendMessage({
        to: message?.sender ?? '',
        content: { text: `re: ${message?.content.text}` },
        client_msg_id: randomUUID(),
      });
    }
    const answers = await Promise.all([first, ...others]);
    expect(answers.map(({ body }) => body.response)).toEqual(turns.map(({ text }) => `re: ${text}`));
    expect(new Set(said)).toEqual(new Set(turns.map(({ text }) => text)));
    agent.disconnect();
  });

  test('gateway.md §4.3: turns in new sessions, and first turns in none, may come at once', async () => {
    const [user, other, echo] = await Promise.all([signInUser(stack), signInUser(stack), startEcho(database, url())]);
    await claim(user.owner, echo.account);
    const many = await Promise.all(
      Array.from({ length: 16 }, (_, index) => user.chat(echo, `${index}`, { new_session: true }, index % 2)),
    );
    expect(many.map(({ status, body }) => [status, body.response])).toEqual(
      many.map((_, index) => [200, `You said: ${index}`]),
    );
    const ids = many.map(({ body }) => body.session_id as string);
    expect(new Set(ids).size).toBe(16);
    const again = await Promise.all(ids.map((session_id, index) => user.chat(echo, 'Hi', { session_id }, index % 2)));
    expect(again.map(({ status, body }) => [status, body.session_id])).toEqual(ids.map((id) => [200, id]));
    const last = (await user.chat(echo, 'Hi', { session_id: ids[3] })).body.session_id;
    expect((await user.chat(echo, 'Hi')).body.session_id).toBe(last);
    const silent = await SdkAgent.create(database, url());
    await claim(other.owner, silent.account);
    const first = await Promise.all([0, 1, 0, 1].map((node) => other.chat(silent, 'Hi', { timeout_seconds: 1 }, node)));
    expect(first.map(({ status }) => status)).toEqual([504, 504, 504, 504]);
    expect(new Set(first.map(({ body }) => body.details.session_id)).size).toBe(1);
    echo.disconnect();
  });

  test('gateway#8: contacts_only lets its owner in only, and a stranger waits for the first answer', async () => {
    const [user, stranger] = await Promise.all([signInUser(stack), signInUser(stack)]);
    const agent = await SdkAgent.create(database, url());
    await claim(user.owner, agent.account);
    await agent.connect();
    await agent.client.updateAgent(agent.handle, { settings: { inbox_mode: 'contacts_only' } });
    const refused = await stranger.chat(agent, 'Hi');
    expect([refused.status, refused.body.code]).toEqual([403, 'INBOX_RESTRICTED']);
    expect((await user.chat(agent, 'Hi', { timeout_seconds: 1 })).status).toBe(504);
    await agent.client.updateAgent(agent.handle, { settings: { inbox_mode: 'open' } });
    expect((await stranger.chat(agent, 'Hi', { timeout_seconds: 1 })).status).toBe(504);
    const again = await stranger.chat(agent, 'Hello?', { timeout_seconds: 1 });
    expect([again.status, again.body.code]).toEqual([403, 'AWAITING_REPLY']);
    const guest = agent.received.at(-1)?.sender ?? '';
    await agent.client.sendMessage({ to: guest, content: { text: 'Hi!' }, client_msg_id: randomUUID() });
    const history = `/api/agents/${agent.handle}/chat/history`;
    await waitFor(async () => (await stranger.call('GET', history)).body.length === 2, { describe: 'the answer' });
    expect((await stranger.chat(agent, 'Thanks', { timeout_seconds: 1 })).status).toBe(504);
    agent.disconnect();
  });

  test('turns fail when their agent is deleted, and its users find it no more', async () => {
    const user = await signInUser(stack);
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    const waiting = user.chat(agent, 'Hi');
    await waitFor(() => agent.received.length === 1, { describe: 'the message' });
    await agent.client.deleteAgent(agent.handle);
    expect([(await waiting).status, (await waiting).body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
    expect((await user.chat(agent, 'Hi')).status).toBe(404);
    agent.disconnect();
  });

  test('gateway#13: a stream goes on behind the event that its caller knows, also from another process', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(), () => 'x'.repeat(5_000))]);
    const { body } = await user.chat(echo, 'Much');
    const path = `/api/agents/${echo.handle}/executions/${body.execution_id}/stream`;
    const whole = await (await user.stream(path, { method: 'GET', node: 1 })).text();
    const ids = [...whole.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids.length).toBeGreaterThan(1);
    const known = ids.at(-2) ?? 0;
    const headers = { 'last-event-id': String(known) };
    const rest = await (await user.stream(path, { method: 'GET', headers })).text();
    expect(rest).toBe(`: connected\n\n${whole.slice(whole.indexOf(`\n\n`, whole.indexOf(`id: ${known}\n`)) + 2)}`);
    const foreign = await (await signInUser(stack)).call('GET', path);
    expect([foreign.status, foreign.body.code]).toEqual([404, 'EXECUTION_NOT_FOUND']);
    echo.disconnect();
  });
});
