import { TURN_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { call, createTestAgents, type CallAnswer, type Parsed } from '../support/agents';
import { signInUser, type GatewayUser } from '../support/gateway';
import { makeTeam, useCrew } from '../support/teams';
import { useStack, withStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const errorOf = ({ status, body }: CallAnswer): [number, string] => [status, body.code];

describe('teams', () => {
  const used = useStack();
  const { stack, database, url } = used;
  const agents = useCrew(used);
  let user: GatewayUser;
  beforeAll(async () => {
    user = await signInUser(stack);
  });

  test('gateway.md §5.4: a team is made, read, changed and deleted, bare and under /api', async () => {
    const [{ agent: a }, { agent: b }] = await createTestAgents(database, 2);
    for (const prefix of ['', '/api']) {
      const made = await user.call('POST', `${prefix}/teams`, {
        body: { name: 'Crew', agent_ids: [`@${a.handle.toUpperCase()}`, b._id, a._id], summarizer_agent_id: b.handle },
      });
      expect([made.status, made.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^team_[\w-]{16}$/),
          name: 'Crew',
          description: null,
          chat_mode: 'brainstorm',
          agents: [
            { id: a._id, name: a.handle, role: null },
            { id: b._id, name: b.handle, role: null },
          ],
          summarizer_agent_id: b._id,
          max_rounds: 5,
          created_at: expect.any(String),
          updated_at: expect.any(String),
        },
      ]);
      const path = `${prefix}/teams/${made.body.id}`;
      expect((await user.call('GET', path)).body).toEqual(made.body);
      const change = {
        name: 'Fleet',
        description: 'Ships',
        chat_mode: 'round_robin',
        max_rounds: 2,
        summarizer_agent_id: null,
      };
      const changed = await user.call('PUT', path, { body: change });
      expect([changed.status, changed.body]).toMatchObject([200, { ...change, chat_mode: 'sequential' }]);
      expect(changed.body.agents).toEqual(made.body.agents);
      expect((await user.call('PUT', path, { body: { description: null } })).body).toMatchObject({
        name: 'Fleet',
        description: null,
        max_rounds: 2,
      });
      const listed = await user.call('GET', `${prefix}/teams`);
      expect(listed.body.map(({ id }: Parsed) => id)).toContain(made.body.id);
      const gone = await user.call('DELETE', path);
      expect([gone.status, gone.body]).toEqual([200, { status: 'deleted', id: made.body.id }]);
      for (const method of ['GET', 'DELETE', 'PUT']) {
        const answer = await user.call(method, path, method === 'PUT' ? { body: { name: 'x' } } : {});
        expect(errorOf(answer)).toEqual([404, 'TEAM_NOT_FOUND']);
      }
    }
  });

  test('gateway.md §5.4: members come, get roles and go, sixteen at most, also when they come at once', async () => {
    const many = (await createTestAgents(database, 18)).map(({ agent }) => agent);
    const team = await makeTeam(user, many.slice(0, 13));
    const add = (index: number, body?: object) =>
      user.call('POST', `/teams/${team.id}/agents/${many[index]?.handle}`, body === undefined ? {} : { body });
    const added = await add(13, { role: 'critic' });
    expect([added.status, added.body.agents[13]]).toEqual([
      200,
      { id: many[13]?._id, name: many[13]?.handle, role: 'critic' },
    ]);
    expect((await add(13, { role: 'judge' })).body.agents[13].role).toBe('judge');
    const outcomes = await Promise.all([14, 15, 16, 17, 14].map((index) => add(index)));
    const codes = outcomes.map(({ status, body }) => (status === 200 ? 'ok' : body.code));
    const { agents: members } = (await user.call('GET', `/teams/${team.id}`)).body;
    expect(members).toHaveLength(16);
    expect(new Set(members.map(({ id }: Parsed) => id)).size).toBe(16);
    expect(codes.filter((code) => code === 'LIMIT_REACHED').length).toBeGreaterThan(0);
    const left = await user.call('DELETE', `/teams/${team.id}/agents/${many[0]?._id}`);
    expect([left.status, left.body.agents.length]).toEqual([200, 15]);
    expect(errorOf(await user.call('DELETE', `/teams/${team.id}/agents/${many[0]?._id}`))).toEqual([
      404,
      'AGENT_NOT_FOUND',
    ]);
  });

  test('gateway.md §1.2: whoever may not be chatted with does not become a member, nor who sums up', async () => {
    const [{ agent: closed }, { agent: paused }] = await createTestAgents(database, 2);
    const team = await makeTeam(user, []);
    await database.agents.updateOne({ _id: closed._id }, { $set: { 'settings.inboxMode': 'contacts_only' } });
    await database.agents.updateOne({ _id: paused._id }, { $set: { pausedByOwner: 'full' } });
    for (const [handle, error] of [
      [closed.handle, [403, 'INBOX_RESTRICTED']],
      [paused.handle, [503, 'AGENT_UNAVAILABLE']],
      ['nobody-there', [404, 'AGENT_NOT_FOUND']],
    ] as const) {
      for (const answer of [
        await user.call('POST', '/teams', { body: { name: 'x', agent_ids: [handle] } }),
        await user.call('POST', '/teams', { body: { name: 'x', summarizer_agent_id: handle } }),
        await user.call('PUT', `/teams/${team.id}`, { body: { agent_ids: [handle] } }),
        await user.call('POST', `/teams/${team.id}/agents/${handle}`),
      ]) {
        expect(errorOf(answer)).toEqual(error);
      }
    }
    expect((await user.call('GET', `/teams/${team.id}`)).body.agents).toEqual([]);
  });

  test("gateway.md §2.1: another account's team answers like one that never was", async () => {
    const other = await signInUser(stack);
    const team = await makeTeam(user, []);
    const paths: [string, string, object?][] = [
      ['GET', ''],
      ['PUT', '', { name: 'x' }],
      ['DELETE', ''],
      ['POST', '/agents/chatfather'],
      ['DELETE', '/agents/chatfather'],
      ['POST', '/chat', { message: 'Hi' }],
      ['POST', '/chat/stream', { message: 'Hi' }],
      ['GET', '/history'],
    ];
    for (const [method, rest, body] of paths) {
      const [foreign, unknown] = await Promise.all(
        [team.id, 'team_AAAAAAAAAAAAAAAA'].map((id) =>
          other.call(method, `/teams/${id}${rest}`, body === undefined ? {} : { body }),
        ),
      );
      expect(errorOf(foreign as CallAnswer)).toEqual([404, 'TEAM_NOT_FOUND']);
      expect(foreign?.text).toBe(unknown?.text);
    }
    expect((await other.call('GET', '/teams')).body).toEqual([]);
  });

  test('gateway.md §2: a key of scope team chats and reads history of its team, and nothing else', async () => {
    const echo = await agents.echo();
    const [team, another] = [await makeTeam(user, [echo]), await makeTeam(user, [echo])];
    const made = await user.call('POST', '/api/keys', { body: { name: 'app', team_id: team.id } });
    expect([made.status, made.body.scope]).toEqual([201, 'team']);
    const { key } = made.body;
    const ofAgent = (await user.call('POST', '/api/keys', { body: { name: 'one', agent_id: echo.handle } })).body.key;
    const withKey = (method: string, path: string, body?: object, own = key) =>
      call(url(), method, path, { key: own, ...(body === undefined ? {} : { body }) });
    const chatted = await withKey('POST', `/teams/${team.id}/chat`, { message: 'Hi', mode: 'parallel' });
    expect([chatted.status, chatted.body.responses[0].content]).toEqual([200, 'You said: Hi']);
    expect((await withKey('GET', `/teams/${team.id}/history`)).body.messages).toHaveLength(2);
    for (const [method, path, body] of [
      ['POST', `/teams/${another.id}/chat`, { message: 'Hi' }],
      ['GET', `/teams/${another.id}/history`, undefined],
      ['GET', '/teams', undefined],
      ['GET', `/teams/${team.id}`, undefined],
      ['PUT', `/teams/${team.id}`, { name: 'x' }],
      ['DELETE', `/teams/${team.id}`, undefined],
      ['POST', `/teams/${team.id}/agents/${echo.handle}`, undefined],
      ['POST', `/agents/${echo.handle}/chat`, { message: 'Hi' }],
      ['GET', `/agents/${echo.handle}/history`, undefined],
      ['GET', '/agents', undefined],
      ['GET', '/api/keys', undefined],
    ] as const) {
      expect([path, ...errorOf(await withKey(method, path, body))]).toEqual([path, 403, 'FORBIDDEN']);
    }
    for (const [method, path, body] of [
      ['POST', `/teams/${team.id}/chat`, { message: 'Hi' }],
      ['GET', '/teams', undefined],
    ] as const) {
      expect(errorOf(await withKey(method, path, body, ofAgent))).toEqual([403, 'FORBIDDEN']);
    }
    const both = { name: 'both', team_id: team.id, agent_id: echo.handle };
    expect(errorOf(await user.call('POST', '/api/keys', { body: both }))).toEqual([400, 'VALIDATION_ERROR']);
    const foreign = await signInUser(stack);
    const stolen = await foreign.call('POST', '/api/keys', { body: { name: 'x', team_id: team.id } });
    expect(errorOf(stolen)).toEqual([404, 'TEAM_NOT_FOUND']);
  });

  test('bad input of teams is refused before anything is stored', async () => {
    const team = await makeTeam(user, []);
    const before = await database.gatewayTeams.countDocuments();
    const wrongTeams: unknown[] = [
      {},
      { name: '' },
      { name: '  ' },
      { name: 7 },
      { name: 'x'.repeat(101) },
      { name: 'x', chat_mode: 'chaos' },
      { name: 'x', agent_ids: 'bob' },
      { name: 'x', agent_ids: [7] },
      { name: 'x', agent_ids: Array.from({ length: 17 }, () => 'bob') },
      ...[0, 6, 1.5, '2'].map((max_rounds) => ({ name: 'x', max_rounds })),
      '[]',
      '{',
    ];
    for (const body of wrongTeams) {
      expect(errorOf(await user.call('POST', '/teams', { body }))).toEqual([400, 'VALIDATION_ERROR']);
    }
    expect(await database.gatewayTeams.countDocuments()).toBe(before);
    const role = { role: 'x'.repeat(201) };
    expect(errorOf(await user.call('POST', `/teams/${team.id}/agents/chatfather`, { body: role }))[0]).toBe(400);
    const wrongTurns: object[] = [
      {},
      { message: ' ' },
      { message: 'Hi', mode: 'chaos' },
      ...[0, 6, 'two'].map((rounds) => ({ message: 'Hi', rounds })),
      ...[0, 601, 1.5].map((timeout_seconds) => ({ message: 'Hi', timeout_seconds })),
      { message: 'Hi', summary: 'yes' },
      { message: 'Hi', conversation_id: 7 },
    ];
    for (const path of ['chat', 'chat/stream']) {
      for (const body of wrongTurns) {
        expect(errorOf(await user.call('POST', `/teams/${team.id}/${path}`, { body }))).toEqual([
          400,
          'VALIDATION_ERROR',
        ]);
      }
      const empty = await user.call('POST', `/teams/${team.id}/${path}`, { body: { message: 'Hi' } });
      expect(errorOf(empty)).toEqual([422, 'TEAM_EMPTY']);
    }
    await user.call('POST', `/teams/${team.id}/agents/chatfather`);
    for (const message of ['x'.repeat(TURN_MESSAGE_BYTES_MAX + 1), '\u0001'.repeat(8_000)]) {
      const large = await user.call('POST', `/teams/${team.id}/chat`, { body: { message } });
      expect(errorOf(large)).toEqual([413, 'CONTENT_TOO_LARGE']);
    }
    const lost = { message: 'Hi', conversation_id: 'ses_AAAAAAAAAAAAAAAA' };
    expect(errorOf(await user.call('POST', `/teams/${team.id}/chat`, { body: lost }))).toEqual([
      404,
      'SESSION_NOT_FOUND',
    ]);
    expect(await database.gatewayExecutions.countDocuments({ agentId: team.id })).toBe(0);
  });

  test("a member's part of a team session cannot be chatted in, closed, renamed or deleted", async () => {
    const echo = await agents.echo();
    const team = await makeTeam(user, [echo]);
    await team.chat('Hi', { mode: 'parallel' });
    const [part] = await database.gatewaySessions.find({ agentId: echo.id }).toArray();
    const path = `/agents/${echo.handle}`;
    for (const [method, rest, body] of [
      ['POST', `/chat`, { message: 'Hi', conversation_id: part?._id }],
      ['PUT', `/conversations/${part?._id}`, { title: 'x' }],
      ['DELETE', `/conversations/${part?._id}`, undefined],
    ] as const) {
      const answer = await user.call(method, path + rest, body === undefined ? {} : { body });
      expect(errorOf(answer)).toEqual([404, 'SESSION_NOT_FOUND']);
    }
    const close = await user.call('POST', `/api/agents/${echo.handle}/chat/sessions/${part?._id}/close`);
    expect(errorOf(close)).toEqual([404, 'SESSION_NOT_FOUND']);
    expect((await team.chat('Still there?', { mode: 'parallel' })).status).toBe(200);
  });

  test('a team that is deleted while its turn runs: the turn is cancelled, and those of its members', async () => {
    const echo = await agents.echo();
    echo.onMessage(() => Promise.resolve());
    const team = await makeTeam(user, [echo]);
    const waiting = team.chat('Hi', { mode: 'parallel' });
    await waitFor(() => echo.received.length === 1, { describe: 'the message' });
    await user.call('DELETE', `/teams/${team.id}`);
    expect(errorOf(await waiting)).toEqual([409, 'TURN_CANCELLED']);
    await waitFor(async () => (await database.gatewayExecutions.findOne({ agentId: echo.id }))?.status === 'cancelled');
  });
});

test('gateway.md §13: an eleventh team turn within a minute is refused, reads are not', async () => {
  await withStack({ env: { RATE_LIMITS: 'on' } }, async ({ stack }) => {
    const user = await signInUser(stack);
    const team = await makeTeam(user, []);
    const answers = [];
    for (let index = 0; index < 11; index += 1) answers.push(await team.chat('Hi'));
    expect(answers.slice(0, 10).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 422));
    const last = answers[10] as CallAnswer;
    expect([...errorOf(last), last.body.details.limit]).toEqual([429, 'RATE_LIMITED', 10]);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await user.call('GET', '/teams')).status).toBe(200);
  });
});
