import { ownerPrincipal } from '../../store/gateway/principals';
import { createSession } from '../../store/gateway/sessions';
import { startTurn } from '../../store/gateway/turns';
import { turnId } from '../../workflows/messages/turn';
import { recordsOf, signInUser, type GatewayUser } from '../support/gateway';
import { commitAnswer, expectDoneOnce, LATE, startAnsweringAgent, untilCompleted } from '../support/gateway-faults';
import { claim } from '../support/owners';
import { pace } from '../support/pace';
import { sequence } from '../support/releases';
import { testServers } from '../support/servers';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { startWire } from '../support/wire';

describe('turns of the chat gateway while Temporal is out of reach', () => {
  const wire = use(
    () => startWire(Number(testServers().temporalAddress.split(':')[1])),
    (cable) => cable.stop(),
  );
  const used = useStack(() => ({ workers: 1, env: { TEMPORAL_ADDRESS: `127.0.0.1:${wire.port}` } }));
  const { stack, database, url } = used;
  afterEach(() => wire.mend());

  test.each([
    ['is gone', () => wire.cut()],
    ['hangs', () => wire.hang()],
  ] as const)('gateway.md §11: while Temporal %s turns are answered, and their flows follow', async (kind, begin) => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url());
    begin();
    const ids: string[] = [];
    for (const index of [0, 1, 2]) {
      const waiting = user.chat(agent, `${kind} ${index}`, LATE);
      await agent.untilAsked(index + 1);
      await agent.answer(index);
      const { body } = await waiting;
      expect(body.response).toBe(`You said: ${kind} ${index}`);
      ids.push(body.execution_id);
    }
    expect(await database.outbox.countDocuments({ kind: 'turn.started' })).toBeGreaterThan(0);
    wire.mend();
    for (const id of ids) {
      await waitFor(async () => (await database.outbox.countDocuments({ executionId: id })) === 0);
      const flow = used.client.workflow.getHandle(turnId(id));
      expect(await flow.result()).toMatchObject({ status: 'completed' });
    }
    agent.agent.disconnect();
  });

  test('gateway.md §11: while Temporal hangs the worker hands over and settles what dead apis left', async () => {
    const agent = await startAnsweringAgent(used, url());
    const user = await signInUser(stack);
    const now = new Date();
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const [waitUntil, deadlineAt] = [new Date(now.getTime() + 600_000), new Date(now.getTime() + 900_000)];
    wire.hang();
    const turns = await Promise.all(
      sequence(1, 8).map(async (index) => {
        const session = await createSession(database, principal, agent.agent.id, now);
        const turn = {
          session,
          channel: 'chat' as const,
          contactOf: null,
          message: `left ${index}`,
          wantsStream: false,
          hints: {},
          waitUntil,
          deadlineAt,
          now,
        };
        return startTurn(database, turn);
      }),
    );
    // As many as the agent has slots. One call of Temporal is given up after four seconds: one for each turn would take
    // longer than this.
    const soon = { timeoutMs: 30_000 };
    await waitFor(() => agent.agent.received.length === 8, { ...soon, describe: 'all messages' });
    for (const { message } of turns) await commitAnswer(used, agent.agent, message);
    const completed = () => database.gatewayExecutions.countDocuments({ status: 'completed', message: /^left / });
    await waitFor(async () => (await completed()) === 8, { ...soon, describe: 'all answers' });
    wire.mend();
    for (const { _id: id } of turns) await expectDoneOnce(used, id);
    agent.agent.disconnect();
  });
});

describe('turns of the chat gateway while the database is out of reach', () => {
  const wire = use(
    () => startWire(Number(new URL(testServers().mongoUri).port)),
    (cable) => cable.stop(),
  );
  const used = useStack(() => ({
    workers: 0,
    // Direct, or the driver would learn the server's own address and leave the wire. The test itself does not go over it.
    env: { MONGODB_URI: `mongodb://127.0.0.1:${wire.port}/?directConnection=true` },
  }));
  const { stack, database, url } = used;
  afterEach(() => wire.mend());
  const untilBack = (user: GatewayUser) =>
    waitFor(async () => (await user.call('GET', '/v1/health')).status === 200, { describe: 'health' });

  test.each([
    ['is gone', () => wire.cut()],
    ['hangs', () => wire.hang()],
  ] as const)(
    'gateway.md §10: while mongod %s calls are 503 with Retry-After, and nothing is left of them',
    async (kind, begin) => {
      const user = await signInUser(stack);
      const agent = await startAnsweringAgent(used, url());
      const path = `/api/agents/${agent.handle}`;
      begin();
      const refused = await Promise.all([
        user.chat(agent, `while it ${kind}`),
        user.call('POST', `${path}/chat`, { body: { message: `while it ${kind}` } }),
        user.call('POST', `/agents/${agent.handle}/chat/stream`, { body: { message: `while it ${kind}` } }),
        user.call('GET', `${path}/chat/sessions`),
        user.call('GET', `${path}/executions`),
      ]);
      for (const { status, body, headers } of refused) {
        expect([status, body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      }
      wire.mend();
      await untilBack(user);
      expect(await database.gatewayExecutions.countDocuments({ message: `while it ${kind}` })).toBe(0);
      agent.agent.disconnect();
    },
  );

  test('gateway.md §11: while mongod is away streams wait, and who waits for JSON gets 503 with its turn', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url());
    await claim(user.owner, agent.agent.account);
    // Each in a session of its own, whichever comes first.
    const own = { new_session: true, ...LATE };
    const waiting = user.chat(agent, 'as JSON', own);
    const body = { message: 'as events', ...own };
    const stream = await user.stream(`/agents/${agent.handle}/chat/stream`, { body });
    await agent.untilAsked(2);
    wire.cut();
    const refused = await waiting;
    expect([refused.status, refused.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    await pace(7_000, 'the outage is longer than one read waits for a server');
    wire.mend();
    await untilBack(user);
    for (const index of [0, 1]) await waitFor(() => agent.answer(index));
    const records = recordsOf(await stream.text());
    expect(records.map(({ type, content }) => [type, content])).toEqual([
      ['text', 'You said: as events'],
      ['done', ''],
    ]);
    const { response } = await untilCompleted(user, agent, refused.headers.get('x-execution-id') ?? '');
    expect(response).toBe('You said: as JSON');
    agent.agent.disconnect();
  });
});
