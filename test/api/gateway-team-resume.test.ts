import { call, type Parsed } from '../support/agents';
import { recordsOf, signInUser, type GatewayUser } from '../support/gateway';
import type { SdkAgent } from '../support/sdk';
import { makeTeam, useCrew } from '../support/teams';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Ids and data of a stream's records, without comments, which depend on when it was read. */
const shownIn = (text: string): string[] => text.split('\n\n').filter((record) => /^(id|data): /.test(record));
const lastIdIn = (text: string): string => [...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? '';

/** gateway.md §5.4, §12.1: streams of teams that go on where they broke, wherever that was. */
describe('streams of teams that are taken up again', () => {
  const used = useStack({ apis: 2 });
  const { stack, database, url } = used;
  const agents = useCrew(used);

  const typesOf = (text: string) => recordsOf(text).map(({ type }) => type as string);
  const answer = (agent: SdkAgent, text: string) =>
    agent.client.sendMessage({
      to: agent.received[0]?.sender ?? '',
      content: { text },
      client_msg_id: `${agent.handle}-answer`,
    });

  /** A turn that one member has answered, long enough for several records, while the other is still asked. */
  async function openTurn() {
    const [user, quick, slow] = await Promise.all([
      signInUser(stack),
      agents.echo(() => 'quick '.repeat(700)),
      agents.silent(),
    ]);
    const team = await makeTeam(user, [quick, slow]);
    const leaving = new AbortController();
    const response = await user.stream(`/teams/${team.id}/chat/stream`, {
      body: { message: 'Go', mode: 'parallel', summary: false },
      signal: leaving.signal,
    });
    const id = response.headers.get('x-execution-id') ?? '';
    const seen = await readUntil(response, 'agent_done');
    leaving.abort();
    await waitFor(() => slow.received.length === 1);
    return { user, team, quick, slow, seen, id, path: `/teams/${team.id}/executions/${id}/stream` };
  }

  async function readUntil(response: Response, type: string): Promise<string> {
    const reader = response.body?.getReader();
    let seen = '';
    await waitFor(
      async () => {
        seen += Buffer.from((await reader?.read())?.value ?? new Uint8Array()).toString('utf8');
        return seen.includes(`"type":"${type}"`) && seen.endsWith('\n\n');
      },
      { describe: `${type} before the end` },
    );
    return seen;
  }

  const open = (user: GatewayUser, path: string, lastEventId?: string): Promise<Response> =>
    user.stream(path, {
      method: 'GET',
      node: 1,
      ...(lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } }),
    });
  const read = async (user: GatewayUser, path: string, lastEventId?: string) =>
    (await open(user, path, lastEventId)).text();

  test('gateway#13: behind its last id a stream of a team brings exactly the rest, from another process', async () => {
    const { user, quick, slow, seen, id, path } = await openTurn();
    const resumed = await open(user, `/api${path}`, lastIdIn(seen));
    expect([resumed.status, resumed.headers.get('x-execution-id'), resumed.headers.get('x-accel-buffering')]).toEqual([
      200,
      id,
      'no',
    ]);
    await answer(slow, 'slow');
    const rest = await resumed.text();
    expect(rest.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(typesOf(rest)).toEqual(['agent_text', 'agent_done', 'done']);
    const whole = await read(user, path);
    expect(typesOf(whole)).toEqual(['agent_text', 'agent_text', 'agent_text', 'agent_done', ...typesOf(rest)]);
    expect([...shownIn(seen), ...shownIn(rest)]).toEqual(shownIn(whole));
    // Who has the end has everything: also what came before the stream broke is read.
    for (const { handle } of [quick, slow]) {
      await waitFor(async () => (await user.call('GET', `/agents/${handle}/inbox`)).body.unread_count === 0, {
        describe: 'an empty inbox',
      });
    }
    expect(typesOf(await read(user, path, lastIdIn(whole)))).toEqual(['done']);
  });

  test('gateway#13: an id that no event has brings what was answered so far as one, then what comes', async () => {
    const { user, quick, slow, path } = await openTurn();
    const streams = await Promise.all(['9999', 'made-up'].map((known) => open(user, path, known)));
    const firsts = await Promise.all(streams.map((stream) => readUntil(stream.clone(), 'snapshot')));
    for (const first of firsts) {
      expect(recordsOf(first)).toMatchObject([
        {
          type: 'snapshot',
          content: '',
          responses: [{ agent_id: quick.id, content: 'quick '.repeat(700), round: 1 }],
          errors: [],
        },
      ]);
    }
    await answer(slow, 'slow');
    for (const stream of streams) {
      const text = await stream.text();
      expect(typesOf(text)).toEqual(['snapshot', 'agent_text', 'agent_done', 'done']);
      expect(recordsOf(text)[1]).toMatchObject({ agent_id: slow.id, content: 'slow' });
    }
    await database.gatewayEvents.deleteMany({ executionId: path.split('/').at(-2) ?? '' });
    for (const known of [undefined, '1']) {
      const records = recordsOf(await read(user, path, known));
      expect(records).toMatchObject([
        { type: 'snapshot', responses: [{ content: 'quick '.repeat(700) }, { agent_id: slow.id, content: 'slow' }] },
        { type: 'done', partial: false },
      ]);
    }
  });

  test('gateway#13: a turn that its caller has cancelled is told as that, to who comes back, too', async () => {
    const { user, team, seen, path } = await openTurn();
    const resumed = await open(user, path, lastIdIn(seen));
    await user.call('DELETE', `/teams/${team.id}`);
    expect(recordsOf(await resumed.text())).toMatchObject([{ type: 'error', code: 'TURN_CANCELLED' }]);
    expect((await user.call('GET', path)).body.code).toBe('TEAM_NOT_FOUND');
  });

  test('gateway#13: a stream of a team is there for its caller only', async () => {
    const { user, team, quick, slow, id, path } = await openTurn();
    const stranger = await signInUser(stack);
    const { key } = (await user.call('POST', '/api/keys', { body: { name: 'app', team_id: team.id } })).body;
    const { key: other } = (await user.call('POST', '/api/keys', { body: { name: 'one', agent_id: quick.id } })).body;
    const { body: alone } = await user.chat(quick, 'Alone');
    const elsewhere = await makeTeam(user, [quick]);
    const codeOf = ({ status, body }: { status: number; body: Parsed }) => [status, body.code as string];
    const at = (teamId: string, executionId: string) => `/teams/${teamId}/executions/${executionId}/stream`;
    expect(codeOf(await stranger.call('GET', path))).toEqual([404, 'TEAM_NOT_FOUND']);
    expect(codeOf(await call(url(), 'GET', path, { key: other as string }))).toEqual([403, 'FORBIDDEN']);
    for (const refused of [
      await call(url(), 'GET', path, { key: key as string }),
      await user.call('GET', at(team.id, alone.execution_id as string)),
      await user.call('GET', at(team.id, 'exe_0000000000000000')),
      await user.call('GET', at(elsewhere.id, id)),
    ])
      expect(codeOf(refused)).toEqual([404, 'EXECUTION_NOT_FOUND']);
    await answer(slow, 'slow');
    expect(typesOf(await read(user, path)).at(-1)).toBe('done');
  });
});
