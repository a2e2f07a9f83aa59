import { randomUUID } from 'node:crypto';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { signInUser, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SocketClient } from '../realtime/socket-client';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §4.4: what an agent is doing and did. */
describe('the activity of an agent', () => {
  const { stack, database, url } = useStack();

  /** An agent that answers over REST, and its owner. */
  async function ownedAgent(): Promise<{ agent: TestAgent; owner: GatewayUser }> {
    const [owner, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(owner.owner, agent);
    return { agent, owner };
  }
  const activityOf = async (user: GatewayUser, { agent }: TestAgent, query = '') =>
    user.call('GET', `/api/agents/${agent.handle}/activity${query}`);
  /** A turn of the user's that the agent has. */
  async function ask(user: GatewayUser, { agent, apiKey: key }: TestAgent, body: object = {}) {
    const answer = user.chat(agent, 'Work', { new_session: true, ...body });
    const turn = await waitFor(async () => {
      const { turns } = (await call(url(), 'GET', '/v1/gateway/turns', { key })).body;
      return (turns[0] as Parsed) ?? null;
    });
    const path = `/v1/gateway/turns/${turn.execution_id}`;
    return {
      answer,
      executionId: turn.execution_id as string,
      tell: (...events: object[]) => call(url(), 'POST', `${path}/events`, { key, body: { events } }),
      complete: async () => {
        await call(url(), 'POST', `${path}/complete`, {
          key,
          body: { client_msg_id: randomUUID(), content: { text: 'Done' } },
        });
        return (await answer).body;
      },
    };
  }
  const toolCall = (id: string, name: string, input: unknown = { q: id }) => ({ type: 'tool_call', id, name, input });
  const toolResult = (id: string, more: object = {}) => ({ type: 'tool_result', id, output: 'found', ...more });

  const IDLE = {
    status: 'idle',
    active_tool: null,
    tool_counts: {},
    timeline: [],
    totals: { calls: 0, duration_ms: 0, started_at: null },
    online: false,
    presence: 'offline',
    turns: { queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0, timeouts: 0 },
    sessions: { active: 0, total: 0 },
    last_message_at: null,
    window_hours: 24,
  };

  test('gateway.md §4.4: an agent that is offline and was never asked is idle, with zeros', async () => {
    const { agent, owner } = await ownedAgent();
    const { status, body } = await activityOf(owner, agent);
    expect([status, body]).toEqual([200, IDLE]);
    expect((await activityOf(owner, agent, '?hours=0')).body.window_hours).toBe(1);
    expect((await activityOf(owner, agent, '?hours=9999')).body.window_hours).toBe(720);
    expect((await activityOf(owner, agent, '?hours=x')).body.window_hours).toBe(24);
  });

  test('gateway.md §4.4: a turn shows as running with the tool that is at work, then as completed', async () => {
    const { agent, owner } = await ownedAgent();
    const socket = await SocketClient.hello(url(), agent.apiKey, ['ack']);
    const turn = await ask(owner, agent);
    await turn.tell(toolCall('t1', 'search'), toolResult('t1', { duration_ms: 5 }));
    await turn.tell(
      toolCall('t2', 'read', 'a long text'),
      toolCall('t3', 'search'),
      toolResult('t3', { is_error: true }),
    );
    const running = (await activityOf(owner, agent)).body;
    expect(running).toMatchObject({
      status: 'running',
      active_tool: { name: 'read', input_summary: 'a long text', started_at: expect.any(String) },
      tool_counts: { search: 2, read: 1 },
      totals: { calls: 3, started_at: expect.any(String) },
      online: true,
      presence: 'online',
      turns: { running: 1, completed: 0 },
      sessions: { active: 1, total: 1 },
    });
    expect(running.last_message_at).not.toBeNull();
    const byId = (entries: Parsed[]) => new Map(entries.map((entry) => [entry.id, entry]));
    const entries = byId(running.timeline);
    expect(entries.get('t1')).toEqual({
      id: 't1',
      tool: 'search',
      input: { q: 't1' },
      input_summary: '{"q":"t1"}',
      output_summary: 'found',
      duration_ms: 5,
      started_at: expect.any(String),
      ended_at: expect.any(String),
      success: true,
      status: 'completed',
      execution_id: turn.executionId,
    });
    expect(entries.get('t2')).toMatchObject({ status: 'running', ended_at: null, success: null, output_summary: null });
    expect(entries.get('t3')).toMatchObject({ status: 'completed', success: false });
    await turn.complete();
    // Events go after a day: what is shown of ended turns is kept with them.
    await database.gatewayEvents.deleteMany({ executionId: turn.executionId });
    const after = (await activityOf(owner, agent)).body;
    expect(after).toMatchObject({ status: 'idle', active_tool: null, turns: { running: 0, completed: 1 } });
    expect(byId(after.timeline).get('t1')).toEqual(entries.get('t1'));
    expect(byId(after.timeline).get('t2')).toMatchObject({ status: 'completed', success: null, output_summary: null });
    expect(after.tool_counts).toEqual(running.tool_counts);
    const path = `/api/agents/${agent.agent.handle}/executions/${turn.executionId}`;
    expect((await owner.call('GET', path)).body.tool_calls).toMatchObject([{ id: 't1' }, { id: 't2' }, { id: 't3' }]);
    socket.end();
  });

  test("gateway.md §4.4: an agent's owner sees what everybody does, others their own sessions", async () => {
    const { agent, owner } = await ownedAgent();
    const [user, stranger] = await Promise.all([signInUser(stack), signInUser(stack)]);
    const mine = await ask(owner, agent);
    await mine.tell(toolCall('a', 'mine'));
    const own = await mine.complete();
    const theirs = await ask(user, agent);
    await theirs.tell(toolCall('b', 'theirs'));
    const foreign = await theirs.complete();
    expect((await activityOf(owner, agent)).body).toMatchObject({
      tool_counts: { mine: 1, theirs: 1 },
      turns: { completed: 2 },
      sessions: { active: 2, total: 2 },
    });
    expect((await activityOf(user, agent)).body).toMatchObject({ turns: { completed: 1 }, sessions: { total: 1 } });
    expect((await activityOf(user, agent)).body.tool_counts).toEqual({ theirs: 1 });
    expect((await activityOf(stranger, agent)).body).toEqual(IDLE);
    const ofSession = (who: GatewayUser, id: string) => activityOf(who, agent, `?session_id=${id}`);
    expect((await ofSession(owner, own.session_id)).body).toMatchObject({
      tool_counts: { mine: 1 },
      sessions: { total: 1 },
    });
    expect((await ofSession(owner, foreign.session_id)).body.tool_counts).toEqual({ theirs: 1 });
    const unknown = await ofSession(user, 'ses_0000000000000000');
    expect([unknown.status, unknown.body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    const hidden = await ofSession(user, own.session_id);
    expect([hidden.status, hidden.text]).toEqual([404, unknown.text]);
  });

  test('gateway.md §4.4: the window leaves out what began before it; failures by time are counted apart', async () => {
    const { agent, owner } = await ownedAgent();
    const turn = await ask(owner, agent);
    await turn.tell(toolCall('old', 'search'));
    await turn.complete();
    const ago = new Date(Date.now() - 3 * 3_600_000);
    await database.gatewayExecutions.updateOne(
      { _id: turn.executionId },
      { $set: { queuedAt: ago, 'tools.0.startedAt': ago } },
    );
    const cancelled = await ask(owner, agent);
    await owner.call('POST', `/api/agents/${agent.agent.handle}/executions/${cancelled.executionId}/cancel`);
    await cancelled.answer;
    const failing = await ask(owner, agent, { timeout_seconds: 1 });
    await failing.answer;
    await database.gatewayExecutions.updateOne(
      { _id: failing.executionId },
      { $set: { status: 'failed', error: { code: 'timeout', message: 'late' } } },
    );
    const turns = { queued: 0, running: 0, cancelled: 1, failed: 1, timeouts: 1 };
    expect((await activityOf(owner, agent, '?hours=1')).body).toMatchObject({
      tool_counts: {},
      turns: { ...turns, completed: 0 },
      window_hours: 1,
    });
    expect((await activityOf(owner, agent, '?hours=4')).body).toMatchObject({
      tool_counts: { search: 1 },
      turns: { ...turns, completed: 1 },
    });
  });
});
