import { GATEWAY_LIMITS } from '../../contract/limits';
import { hitRateWindow } from '../../store/schema/rate-windows';
import { createTestAgent } from '../support/agents';
import { signInUser, startEcho } from '../support/gateway';
import { claim } from '../support/owners';
import type { SdkAgent } from '../support/sdk';
import { makeTeam } from '../support/teams';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §13: windows of callers, exact over all processes. */
describe('request windows of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2, env: { RATE_LIMITS: 'on' } });

  const connected: SdkAgent[] = [];
  afterEach(() => connected.splice(0).forEach((agent) => agent.disconnect()));
  async function newEcho(): Promise<SdkAgent> {
    const echo = await startEcho(database, url());
    connected.push(echo);
    return echo;
  }

  /** Fixed windows are aligned to the epoch: a test that counts must not run across an edge. */
  const awayFromEdge = () =>
    waitFor(() => 60_000 - (Date.now() % 60_000) > 15_000, { describe: 'a window with time in it' });

  test('the 61st turn of a minute is a 429 that says how long to wait, before its body is looked at', async () => {
    const [user, other, echo] = await Promise.all([signInUser(stack), signInUser(stack), newEcho()]);
    await claim(user.owner, echo.account);
    const path = `/api/agents/${echo.handle}/chat`;
    const paths = [path, `${path}/stream`, path.slice(4), `${path.slice(4)}/stream`];
    await awayFromEdge();
    expect((await user.chat(echo, 'Hi')).status).toBe(200);
    // Refused bodies count, whichever path and process they come by.
    for (let count = 2; count <= 60; count += 1) {
      const { status } = await user.call('POST', paths[count % 4] ?? '', { body: { message: '' }, node: count % 2 });
      expect([count, status]).toEqual([count, 400]);
    }
    for (const node of [0, 1]) {
      const refused = await user.call('POST', path, { body: { message: node === 0 ? 'Hi' : '' }, node });
      const { body, headers } = refused;
      expect([refused.status, body]).toMatchObject([429, { code: 'RATE_LIMITED', detail: body.message }]);
      expect(body.details).toMatchObject({ scope: 'gateway_turns', limit: 60 });
      expect(headers.get('retry-after')).toBe(String(Math.ceil(body.details.retry_after_ms / 1_000)));
    }
    expect((await user.call('GET', `/api/agents/${echo.handle}/executions`)).body).toHaveLength(1);
    expect((await other.chat(echo, 'Hi')).status).toBe(200);
  });

  test('the 601st read of a minute is a 429; turns go on', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), newEcho()]);
    await awayFromEdge();
    const seeds = Array.from({ length: 599 }, () => `owner:${user.owner.id}`);
    for (const subject of seeds) await hitRateWindow(database, 'gateway_reads', subject, GATEWAY_LIMITS.reads);
    const statuses: number[] = [];
    for (const node of [0, 1, 0]) statuses.push((await user.call('GET', '/api/agents', { node })).status);
    expect(statuses).toEqual([200, 429, 429]);
    expect((await user.chat(echo, 'Hi')).status).toBe(200);
  });

  test('gateway#8: the 101st first contact of a day is a 429 that leaves nothing; known agents stay', async () => {
    const user = await signInUser(stack);
    const [known, last, owned] = await Promise.all([newEcho(), newEcho(), newEcho()]);
    await claim(user.owner, owned.account);
    expect((await user.chat(known, 'Hi')).status).toBe(200);
    const subject = user.owner.id;
    for (let count = 2; count <= 99; count += 1) {
      await hitRateWindow(database, 'gateway_first_contacts', subject, GATEWAY_LIMITS.first_contacts);
    }
    // Refused before it is a contact, it counts as none.
    expect((await user.chat(last, 'Hi', { session_id: 'ses_made_up' })).status).toBe(404);
    expect((await user.chat(last, 'Hi')).status).toBe(200);
    const { agent } = await createTestAgent(database);
    const refused = await user.chat(agent, 'Hi');
    expect([refused.status, refused.body]).toMatchObject([429, { code: 'RATE_LIMITED', details: { limit: 100 } }]);
    expect(await database.gatewaySessions.countDocuments({ agentId: agent._id })).toBe(0);
    for (const mine of [known, last, owned]) expect((await user.chat(mine, 'Hello')).status).toBe(200);
  });

  test('gateway.md §13: the 121st turn of a minute with one agent is a 429, whoever calls', async () => {
    const [owner, user, echo, other] = await Promise.all([signInUser(stack), signInUser(stack), newEcho(), newEcho()]);
    await Promise.all([claim(owner.owner, echo.account), claim(user.owner, other.account)]);
    await awayFromEdge();
    for (let count = 1; count <= 119; count += 1) {
      await hitRateWindow(database, 'gateway_agent_turns', echo.id, GATEWAY_LIMITS.agent_turns);
    }
    expect((await user.chat(echo, 'Hi')).status).toBe(200);
    const refused = await owner.chat(echo, 'Hi', {}, 1);
    expect([refused.status, refused.body]).toMatchObject([
      429,
      { code: 'RATE_LIMITED', details: { scope: 'gateway_agent_turns', limit: 120 } },
    ]);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect((await user.chat(other, 'Hi')).status).toBe(200);
  });

  test('gateway.md §13: the eleventh open stream of a caller is a 429 that starts no turn', async () => {
    const [user, stranger] = await Promise.all([signInUser(stack), signInUser(stack)]);
    const { agent, apiKey } = await createTestAgent(database);
    await claim(user.owner, { apiKey });
    await stranger.chat(agent, 'Hi', { timeout_seconds: 1 });
    const team = `/teams/${(await makeTeam(user, [agent])).id}`;
    const path = `/api/agents/${agent.handle}`;
    const open = async (index: number): Promise<Response> =>
      index === 0
        ? user.stream(`${path}/chat/stream`, { body: { message: 'Hi' } })
        : user.stream(await streamOf(), { method: 'GET' });
    const streamOf = async (): Promise<string> => {
      const [{ id }] = (await user.call('GET', `${path}/executions?status=queued`)).body;
      return `${path}/executions/${id}/stream`;
    };
    const streams: Response[] = [];
    for (let index = 0; index < 10; index += 1) streams.push(await open(index));
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    const before = await database.gatewayExecutions.countDocuments({ agentId: agent._id });
    for (const [method, at, body] of [
      ['POST', `${path}/chat/stream`, { message: 'More', new_session: true }],
      ['POST', `${path}/chat`, { message: 'More', new_session: true, stream: true }],
      ['GET', await streamOf(), undefined],
      ['POST', `${team}/chat/stream`, { message: 'More' }],
    ] as const) {
      const refused = await user.call(method, at, { body });
      expect([at, refused.status, refused.body]).toMatchObject([at, 429, { code: 'TURN_QUEUE_FULL' }]);
      expect(refused.headers.get('retry-after')).not.toBeNull();
    }
    expect(await database.gatewayExecutions.countDocuments({ agentId: agent._id })).toBe(before);
    expect((await user.chat(agent, 'As JSON', { new_session: true, timeout_seconds: 1 })).status).toBe(504);
    await streams.pop()?.body?.cancel();
    const again = await waitFor(async () => {
      const response = await user.stream(await streamOf(), { method: 'GET' });
      if (response.status === 200) return response;
      await response.body?.cancel();
      return null;
    });
    for (const stream of [...streams, again]) await stream.body?.cancel();
  });

  test('gateway.md §13: the 21st start of a talk in an hour is a 429 that calls nobody', async () => {
    const [user, { agent }] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await waitFor(() => 3_600_000 - (Date.now() % 3_600_000) > 15_000, { describe: 'an hour with time in it' });
    for (let count = 1; count <= 19; count += 1) {
      await hitRateWindow(database, 'gateway_voice_starts', `owner:${user.owner.id}`, GATEWAY_LIMITS.voice_starts);
    }
    const path = `/api/agents/${agent.handle}/voice`;
    const answers = [
      await user.call('POST', `${path}/start`),
      await user.call('POST', `${path}/start`, { node: 1, body: { max_duration_seconds: 1 } }),
      await user.call('GET', `${path}/status`),
    ];
    expect(answers.map(({ status, body }) => [status, body.details?.scope])).toEqual([
      [503, undefined],
      [429, 'gateway_voice_starts'],
      [200, undefined],
    ]);
  });
});
