import { releaseId, releaseProgressQuery, type ReleaseView } from '../../workflows/messages/inbox-release';
import type { inboxRelease } from '../../workflows/inbox-release';
import { call, createTestAgent, type TestAgent } from '../support/agents';
import { seedBacklog } from '../support/backlog';
import { traceOf } from '../support/flow-traces';
import { groupCalls } from '../support/groups';
import { pausingOwner } from '../support/releases';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';
import { LOCAL_RECEIVERS } from '../support/receiver';

const OPS = 'operators-only-token-of-32-letters';

/** The flow `release:<agent>` on the dev server, as operators see it: dashboard.md §8.5 G4, G7, G15, G17. */
describe('the flow of a release', () => {
  const { stack, database, client, url } = useStack({
    apis: 2,
    env: { OPS_ADMIN_TOKEN: OPS, ...LOCAL_RECEIVERS },
  });

  const api = () => groupCalls(stack, database);
  let sent = 0;
  const send = (by: TestAgent, to: TestAgent, text = 'private words') =>
    api().as(by, 'POST', '/v1/messages', {
      body: { to: to.agent.handle, client_msg_id: `f-${(sent += 1)}`, content: { text } },
    });
  async function friends(): Promise<[TestAgent, TestAgent]> {
    const [a, b] = [await createTestAgent(database), await createTestAgent(database)];
    await send(a, b);
    await send(b, a);
    await api().drain(b);
    return [a, b];
  }
  const flowOf = (who: TestAgent) => client.workflow.getHandle<typeof inboxRelease>(releaseId(who.agent._id));
  const runsOf = async (who: TestAgent, query = '') => {
    const runs = [];
    for await (const run of client.workflow.list({ query: `WorkflowId = "${releaseId(who.agent._id)}"${query}` })) {
      runs.push(run);
    }
    return runs;
  };
  const seen = async (who: TestAgent) =>
    (
      await call(url(), 'GET', `/internal/agents/${who.agent.handle}/release`, {
        headers: { authorization: `Bearer ${OPS}` },
      })
    ).body;
  const seed = async (a: TestAgent, b: TestAgent, count: number) =>
    seedBacklog(database, senderOf(a), senderOf(b), count);
  const senderOf = ({ agent, apiKey }: TestAgent) => ({ id: agent._id, handle: agent.handle, key: apiKey });

  test('dashboard#G7, dashboard#G17: a release without a socket ends at once and shows counts only', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    expect(await seen(b)).toMatchObject({ state: 'idle', pause_epoch: 0, pause_changed_at: null });
    await set(b, 'full');
    await send(a, b);
    await set(b, 'none');
    await waitFor(() => flowOf(b).describe());
    expect(await flowOf(b).result()).toMatchObject({ stage: 'done', epoch: 2, openSockets: 0, told: 0 });
    expect(await seen(b)).toMatchObject({
      handle: b.agent.handle,
      paused_by_owner: 'none',
      pause_epoch: 2,
      state: 'idle',
      remaining: 0,
    });
    const attributes = (await flowOf(b).describe()).typedSearchAttributes.getAll().map(({ value }) => value);
    expect(attributes).toEqual(expect.arrayContaining([b.agent.handle, 'done']));
    const trace = await traceOf(flowOf(b));
    for (const hidden of ['private words', b.apiKey, b.agent.email]) expect(trace).not.toContain(hidden);
    expect((await call(url(), 'GET', `/internal/agents/${b.agent.handle}/release`)).status).toBe(401);
  });

  test('dashboard#G4, dashboard#G17: a release is one run, ends when all are through, and shows how far', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const socket = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'full');
    await seed(a, b, 3_000);
    await set(b, 'none');
    for (let repeat = 0; repeat < 5; repeat += 1) await set(b, 'none', repeat % 2);
    const view = await waitFor(() => flowOf(b).query<ReleaseView | null, []>(releaseProgressQuery), {});
    expect(view).toMatchObject({ stage: 'releasing', epoch: 2, openSockets: 1, socketsBehind: 1 });
    expect(view.remaining).toBeGreaterThan(0);
    expect((await seen(b)).state).toBe('releasing');
    await socket.untilMessages(3_000);
    expect(await flowOf(b).result()).toMatchObject({ stage: 'done', openSockets: 1, socketsBehind: 0 });
    expect(await runsOf(b)).toHaveLength(1);
    expect((await seen(b)).state).toBe('idle');
    socket.end();
  });

  test('dashboard#G4, dashboard#26: flips in a row leave at most one run, of the last epoch', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const socket = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'full');
    await seed(a, b, 1_000);
    for (let round = 0; round < 4; round += 1) {
      await set(b, 'none', round % 2);
      expect((await runsOf(b, ' AND ExecutionStatus = "Running"')).length).toBeLessThanOrEqual(1);
      await set(b, 'full', round % 2);
    }
    await set(b, 'none');
    await socket.untilMessages(1_000);
    const last = await waitFor(async () => {
      const result = await flowOf(b).result();
      return result.epoch === 10 && result.stage === 'done' ? result : null;
    });
    expect(last.epoch).toBe(10);
    expect(socket.messages()).toHaveLength(1_000);
    socket.end();
  });

  test('dashboard#G15: another pause and the end of the account end the run', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    await set(b, 'full');
    await seed(a, b, 2_000);
    const socket = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'none');
    await waitFor(() => flowOf(b).query(releaseProgressQuery));
    await set(b, 'full');
    expect((await flowOf(b).result()).stage).toBe('repaused');
    await set(b, 'none');
    await waitFor(async () => (await flowOf(b).describe()).status.name === 'RUNNING');
    expect((await api().as(b, 'DELETE', `/v1/agents/${b.agent.handle}`)).status).toBe(200);
    expect((await flowOf(b).result()).stage).toBe('ended');
    expect((await socket.untilClosed()).code).toBe(1008);
  });
});
