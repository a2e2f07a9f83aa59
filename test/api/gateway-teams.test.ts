import { call, type Parsed } from '../support/agents';
import { recordsOf, signInUser } from '../support/gateway';
import { claim } from '../support/owners';
import type { SdkAgent } from '../support/sdk';
import { makeTeam, useCrew } from '../support/teams';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const textsOf = (agent: SdkAgent): (string | undefined)[] => agent.received.map(({ content }) => content.text);

describe('turns of teams', () => {
  const used = useStack({ apis: 2 });
  const { stack, database, url } = used;
  const agents = useCrew(used);

  /** Agents that answer with their name and what they were told, cut to its first line. */
  async function startCrew(names: string[]): Promise<SdkAgent[]> {
    return Promise.all(names.map((name) => agents.echo((text) => `${name}: ${text.split('\n')[0]}`)));
  }

  test('gateway#1: plain SDK agents answer a team turn, each in its own conversation', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b'])]);
    const [a, b] = crew;
    const team = await makeTeam(user, crew);
    const { status, body, headers } = await team.chat('Hello', { mode: 'parallel' });
    expect([status, body]).toEqual([
      200,
      {
        responses: [
          expect.objectContaining({ agent_id: a?.id, agent_name: a?.handle, content: 'a: Hello', round: 1 }),
          expect.objectContaining({ agent_id: b?.id, agent_name: b?.handle, content: 'b: Hello', round: 1 }),
        ],
        summary: '',
        mode: 'parallel',
        partial: false,
        errors: [],
        rounds: 1,
        summary_source: 'none',
        execution_id: headers.get('x-execution-id'),
        conversation_id: headers.get('x-session-id'),
      },
    ]);
    for (const agent of crew) {
      expect(textsOf(agent)).toEqual(['Hello']);
      expect(agent.received[0]?.metadata).toMatchObject({
        gateway: {
          channel: 'team',
          team: {
            team_id: team.id,
            name: 'Crew',
            mode: 'parallel',
            round: 1,
            rounds: 1,
            role: 'member',
            transcript: [],
          },
        },
      });
      const { body: turns } = await user.call('GET', `/api/agents/${agent.handle}/executions`);
      expect(turns).toMatchObject([{ triggered_by: 'team', status: 'completed' }]);
    }
    const [sender] = crew.map(({ received }) => received[0]?.sender);
    expect(b?.received[0]?.sender).toBe(sender);
    expect(b?.received[0]?.conversation_id).not.toBe(a?.received[0]?.conversation_id);
    expect((await team.chat('Again', { mode: 'parallel' }, 1)).body.conversation_id).toBe(body.conversation_id);
  });

  test('gateway.md §5.4: a brainstorm is summed up by the first member, with all answers in the text', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b'])]);
    const [a, b] = crew;
    const team = await makeTeam(user, crew);
    const { body } = await team.chat('Names?', { rounds: 2 });
    expect(body).toMatchObject({ mode: 'brainstorm', rounds: 2, partial: false, summary: 'a: Names?' });
    expect(body).toMatchObject({ summary_source: 'agent', responses: [{ round: 2 }, { round: 2 }] });
    const [first, second = '', summary = ''] = textsOf(a as SdkAgent);
    expect(first).toBe('Names?');
    for (const handle of [a?.handle, b?.handle]) expect(second).toContain(`[${handle}, round 1]\n`);
    for (const text of [`[${b?.handle}, round 1]\nb: Names?`, `[${b?.handle}, round 2]\nb: Names?`]) {
      expect(summary).toContain(text);
    }
    const told = a?.received[2]?.metadata as Parsed;
    expect(told.gateway.team).toMatchObject({ role: 'summarizer', round: 2, rounds: 2 });
    expect(told.gateway.team.transcript).toHaveLength(4);
    expect(textsOf(b as SdkAgent)).toHaveLength(2);
  });

  test('gateway.md §5.4: one after another each sees what those before it said; round-robin is the same', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b', 'c'])]);
    const team = await makeTeam(user, crew, { chat_mode: 'round-robin' });
    expect((await user.call('GET', `/api/teams/${team.id}`)).body.chat_mode).toBe('sequential');
    const { body } = await team.chat('Write', { summary: false });
    expect(body).toMatchObject({ mode: 'sequential', rounds: 1, summary: '', summary_source: 'none' });
    expect(body.responses.map(({ content }: Parsed) => content)).toEqual(['a: Write', 'b: Write', 'c: Write']);
    const [a, b, c] = crew.map((agent) => textsOf(agent)[0] ?? '');
    expect(a).toBe('Write');
    expect(b).toContain('a: Write');
    expect(b).not.toContain('b: Write');
    for (const before of ['a: Write', 'b: Write']) expect(c).toContain(before);
  });

  test('gateway.md §5.4: auto runs a debate for pros and cons, answered by the positions of the others', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b'])]);
    const [a, b] = crew;
    const team = await makeTeam(user, crew, { chat_mode: 'auto', summarizer_agent_id: b?.handle });
    const { body } = await team.chat('Pros and cons?');
    expect(body).toMatchObject({ mode: 'debate', rounds: 2, summary_source: 'agent', summary: 'b: Pros and cons?' });
    const [own = '', replyTo = ''] = textsOf(a as SdkAgent);
    expect(own).toContain('your own position');
    expect(replyTo).toContain(`[${b?.handle}, round 1]`);
    expect(replyTo).not.toContain(`[${a?.handle}, round 1]`);
    expect(textsOf(b as SdkAgent)[2]).toContain('verdict');
  });

  test('gateway#12: one member silent: partial, its late answer lands in history and inbox', async () => {
    const [user, [echo], silent] = await Promise.all([signInUser(stack), startCrew(['a']), agents.silent()]);
    const team = await makeTeam(user, [silent, echo as SdkAgent]);
    const { status, body } = await team.chat('Anybody?', { timeout_seconds: 10, summary: false });
    expect([status, body.partial, body.responses.length]).toEqual([200, true, 1]);
    expect(body.errors).toEqual([
      {
        agent_id: silent.id,
        agent_name: silent.handle,
        code: 'TURN_TIMEOUT',
        message: expect.any(String),
        execution_id: expect.stringMatching(/^exe_[\w-]{16}$/),
      },
    ]);
    const { sender = '', id: reply_to } = silent.received[0] ?? {};
    const late = { to: sender, content: { text: 'Here, late' }, metadata: { reply_to }, client_msg_id: 'late-answer' };
    await silent.client.sendMessage(late);
    const inbox = `/agents/${silent.handle}/inbox`;
    const { messages } = await waitFor(async () => {
      const { body: seen } = await user.call('GET', inbox);
      return seen.unread_count === 1 && seen.messages[0]?.late === true ? seen : null;
    });
    expect(messages).toMatchObject([{ content: 'Here, late', execution_id: body.errors[0].execution_id }]);
    const history = (await user.call('GET', `/teams/${team.id}/history`)).body.messages;
    expect(history.map(({ role, content }: Parsed) => [role, content])).toEqual([
      ['user', 'Anybody?'],
      ['assistant', 'a: Anybody?'],
      ['assistant', 'Here, late'],
    ]);
    const ofAgent = await user.call('GET', `/agents/${silent.handle}/history`);
    expect(ofAgent.body.messages.map(({ content }: Parsed) => content)).toEqual(['Anybody?', 'Here, late']);
    // What the answer carried is read.
    await waitFor(async () => (await user.call('GET', `/agents/${echo?.handle}/inbox`)).body.unread_count === 0);
  });

  test('gateway#12: all silent: 504 with what became of each member', async () => {
    const [user, one, other] = await Promise.all([signInUser(stack), agents.silent(), agents.silent()]);
    const team = await makeTeam(user, [one, other]);
    const { status, body, headers } = await team.chat('Anybody?', { timeout_seconds: 5 });
    expect([status, body.code, body.detail]).toEqual([504, 'TURN_TIMEOUT', body.message]);
    expect(body.details.execution_id).toBe(headers.get('x-execution-id'));
    expect(body.details.errors.map(({ agent_id, code }: Parsed) => [agent_id, code])).toEqual([
      [one.id, 'TURN_TIMEOUT'],
      [other.id, 'TURN_TIMEOUT'],
    ]);
    // Neither is anybody's own: a first turn has to be answered before a second one.
    const again = await team.chat('And now?', { timeout_seconds: 5 });
    expect([again.status, again.body.details.errors.map(({ code }: Parsed) => code)]).toEqual([
      504,
      ['AWAITING_REPLY', 'AWAITING_REPLY'],
    ]);
    expect([one.received.length, other.received.length]).toEqual([1, 1]);
  });

  test('gateway#12: a silent summarizer is stood in for by a line of each answer', async () => {
    const [user, crew, silent] = await Promise.all([signInUser(stack), startCrew(['a', 'b']), agents.silent()]);
    const team = await makeTeam(user, crew, { summarizer_agent_id: silent.id });
    const { status, body } = await team.chat('Sum up', { mode: 'parallel', timeout_seconds: 10 });
    expect([status, body.summary_source, body.partial]).toEqual([200, 'fallback', false]);
    const [a, b] = crew;
    expect(body.summary).toBe(`${a?.handle}: a: Sum up\n${b?.handle}: b: Sum up`);
    expect(textsOf(silent)[0]).toContain('[');
  });

  test('gateway#12: a member that was deleted or closed its inbox since is an error, the others answer', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b', 'c'])]);
    const [a, b, c] = crew as [SdkAgent, SdkAgent, SdkAgent];
    const team = await makeTeam(user, crew);
    await b.client.deleteAgent(b.handle);
    await c.client.updateAgent(c.handle, { settings: { inbox_mode: 'contacts_only' } });
    const { status, body } = await team.chat('Still there?', { timeout_seconds: 30 });
    expect([status, body.partial, body.summary_source]).toEqual([200, true, 'agent']);
    expect(body.responses).toMatchObject([{ agent_id: a.id, content: 'a: Still there?' }]);
    expect(body.errors).toMatchObject([
      { agent_id: b.id, code: 'AGENT_NOT_FOUND', execution_id: null },
      { agent_id: c.id, code: 'INBOX_RESTRICTED', execution_id: null },
    ]);
    expect(c.received).toEqual([]);
    // Its owner may always: the claim opens it again.
    await claim(user.owner, c.account);
    expect((await team.chat('And now?', { summary: false })).body.errors).toMatchObject([{ agent_id: b.id }]);
  });

  test('gateway#12: sixteen members with long answers: all are asked again with what the others said', async () => {
    const user = await signInUser(stack);
    const names = Array.from({ length: 16 }, (_, index) => `m${index}`);
    const crew = await Promise.all(names.map((name) => agents.echo(() => `${name}: ${'"€"'.repeat(4_000)}`)));
    const team = await makeTeam(user, crew, { name: '🙂'.repeat(50) });
    const { status, body } = await team.chat('"'.repeat(5_000), { rounds: 2, summary: false });
    expect([status, body.partial, body.responses.length]).toEqual([200, false, 16]);
    for (const agent of crew) {
      const [, again] = agent.received;
      const told = again?.metadata as Parsed;
      expect(told.gateway.team.transcript.map(({ agent_id }: Parsed) => agent_id)).toEqual(crew.map(({ id }) => id));
      for (const { content } of told.gateway.team.transcript) {
        expect(content).toMatch(/^m\d+: .*…$/);
        expect(again?.content.text).toContain(content);
      }
    }
  });

  test('gateway.md §9.2: one team turn at a time, three wait in order, the next is refused', async () => {
    const [user, silent] = await Promise.all([signInUser(stack), agents.silent()]);
    await claim(user.owner, silent.account);
    const team = await makeTeam(user, [silent]);
    const turns: ReturnType<typeof team.chat>[] = [];
    for (const message of ['one', 'two', 'three', 'four']) {
      turns.push(team.chat(message, { mode: 'parallel', timeout_seconds: 60 }, turns.length % 2));
      await waitFor(() => database.gatewayExecutions.findOne({ agentId: team.id, message }));
    }
    const refused = await team.chat('five', { mode: 'parallel' });
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'TURN_QUEUE_FULL',
      '30',
    ]);
    for (const [index, message] of ['one', 'two', 'three', 'four'].entries()) {
      await waitFor(() => silent.received.length === index + 1, { describe: message });
      const { sender = '', content } = silent.received[index] ?? {};
      expect(content?.text).toBe(message);
      await silent.client.sendMessage({ to: sender, content: { text: `re ${message}` }, client_msg_id: message });
    }
    const bodies = (await Promise.all(turns)).map(({ body }) => body.responses[0].content);
    expect(bodies).toEqual(['re one', 're two', 're three', 're four']);
  });

  test('gateway.md §5.4: the stream shows each answer when it is there, then the summary, then [DONE]', async () => {
    const [user, crew, gone] = await Promise.all([signInUser(stack), startCrew(['a', 'b']), agents.echo()]);
    const [a, b] = crew as [SdkAgent, SdkAgent];
    const team = await makeTeam(user, [...crew, gone]);
    await gone.client.deleteAgent(gone.handle);
    const response = await user.stream(`/teams/${team.id}/chat/stream`, {
      body: { message: 'Go', rounds: 2 },
      node: 1,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await response.text();
    expect([text.startsWith(': connected\n\n'), text.endsWith('data: [DONE]\n\n')]).toEqual([true, true]);
    const records = recordsOf(text);
    expect(records[0]).toMatchObject({ type: 'agent_error', agent_id: gone.id, code: 'AGENT_NOT_FOUND' });
    const answers = records.filter(({ type }) => type === 'agent_text');
    expect(answers.map(({ round }) => round)).toEqual([1, 1, 2, 2]);
    for (const [agent, content] of [
      [a, 'a: Go'],
      [b, 'b: Go'],
    ] as const) {
      expect(answers.filter(({ agent_id }) => agent_id === agent.id)).toMatchObject([{ content }, { content }]);
      const done = records.filter(({ type, agent_id }) => type === 'agent_done' && agent_id === agent.id);
      expect(done.map(({ round }) => round)).toEqual([1, 2]);
    }
    expect(records.filter(({ type }) => type === 'text')).toEqual([{ type: 'text', content: 'a: Go' }]);
    expect(records.at(-1)).toMatchObject({
      type: 'done',
      content: '',
      execution_id: response.headers.get('x-execution-id'),
      conversation_id: response.headers.get('x-session-id'),
      summary_source: 'agent',
      partial: true,
    });
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual([...ids].sort((one, other) => one - other));
  });

  test('gateway.md §5.4: history shows users, members and summaries, only the caller its own', async () => {
    const [user, crew] = await Promise.all([signInUser(stack), startCrew(['a', 'b'])]);
    const team = await makeTeam(user, crew);
    const { key } = (await user.call('POST', '/api/keys', { body: { name: 'app', team_id: team.id } })).body;
    const first = await team.chat('One', { mode: 'parallel', summary: true });
    const second = await call(url(1), 'POST', `/api/teams/${team.id}/chat`, {
      key,
      body: { message: 'Two', mode: 'parallel' },
    });
    expect(second.body.conversation_id).not.toBe(first.body.conversation_id);
    const { messages } = (await user.call('GET', `/teams/${team.id}/history`)).body;
    expect(messages.map(({ role, content, round }: Parsed) => [role, content, round])).toEqual([
      ['user', 'One', undefined],
      ['assistant', expect.stringMatching(/^[ab]: One$/), 1],
      ['assistant', expect.stringMatching(/^[ab]: One$/), 1],
      ['assistant', 'a: One', undefined],
    ]);
    expect(messages[3].agent_id).toBe(crew[0]?.id);
    expect((await user.call('GET', `/teams/${team.id}/history?limit=1`)).body.messages).toEqual([messages[3]]);
    const named = `/teams/${team.id}/history?conversation_id=${second.body.conversation_id}`;
    expect((await user.call('GET', named)).body.code).toBe('SESSION_NOT_FOUND');
    const ofKey = await call(url(), 'GET', named, { key });
    expect(ofKey.body.messages).toHaveLength(3);
  });
});
