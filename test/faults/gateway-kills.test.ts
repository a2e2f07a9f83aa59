import { randomUUID } from 'node:crypto';
import { systemClock } from '../../platform/clock';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { ownerPrincipal } from '../../store/gateway/principals';
import { createSession } from '../../store/gateway/sessions';
import { startTurn } from '../../store/gateway/turns';
import { createCommitter } from '../../store/sending/committer';
import { turnId } from '../../workflows/messages/turn';
import { linesOf, recordsOf, signInUser, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SdkAgent } from '../support/sdk';
import { pace } from '../support/pace';
import { sequence } from '../support/releases';
import type { ApiChild } from '../support/stack';
import { testServers } from '../support/servers';
import { use } from '../support/use';
import { useStack, useStackEach, type UsedStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { startWire } from '../support/wire';

/** The caller of a process that was killed looks for its turn elsewhere. */
const LATE = { timeout_seconds: 600 };

/** An agent that answers each message once, when it is told to: what was killed is dead by then. */
async function startAgent({ database }: UsedStack, baseUrl: string) {
  const agent = await SdkAgent.create(database, baseUrl);
  await agent.connect();
  return {
    agent,
    handle: agent.handle,
    untilAsked: (count = 1) => waitFor(() => agent.received.length === count, { describe: `${count} messages` }),
    answer: (index = 0) => {
      const { sender = '', content } = agent.received[index] ?? {};
      const text = `You said: ${content?.text}`;
      return agent.client.sendMessage({ to: sender, content: { text }, client_msg_id: randomUUID() });
    },
  };
}

/** The turn that is in the store though nobody was told of it yet. */
const untilStored = ({ database }: UsedStack, message: string) =>
  waitFor(() => database.gatewayExecutions.findOne({ message }), { intervalMs: 1, describe: 'the stored turn' });

/** What a turn must have come to, whoever died: one message, one answer, one end, and nothing left to do. */
async function expectDoneOnce({ database, client }: UsedStack, executionId: string): Promise<void> {
  const flow = client.workflow.getHandle(turnId(executionId));
  await waitFor(() => flow.describe(), { describe: 'the flow of the turn' });
  expect(await flow.result()).toEqual({ status: 'completed', isHandedOver: true });
  await waitFor(async () => (await database.outbox.countDocuments({ executionId })) === 0, { describe: 'the outbox' });
  const execution = await database.gatewayExecutions.findOne({ _id: executionId });
  const { guestId = '', agentId = '', message = '', replies = [] } = execution ?? {};
  expect(execution).toMatchObject({ status: 'completed', response: `You said: ${message}`, error: null });
  expect(replies).toEqual([{ messageId: expect.any(String), isLate: false }]);
  const [asked, answered] = [guestId, agentId].map((senderId) =>
    database.messages.countDocuments({ senderId, conversationId: execution?.place?.conversationId ?? '' }),
  );
  expect([await asked, await answered]).toEqual([1, 1]);
  const events = await database.gatewayEvents.find({ executionId }, { sort: { _id: 1 } }).toArray();
  expect(events.map(({ n }) => n)).toEqual(sequence(1, events.length));
  expect(events.filter(({ type }) => type === 'text').map(({ data }) => data)).toEqual([
    { text: `You said: ${message}` },
  ]);
  expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
  expect(events.at(-1)?.type).toBe('end');
}

/** Reads of the caller at another process until its turn has ended. */
const untilCompleted = (user: GatewayUser, { handle }: { handle: string }, executionId: string) =>
  waitFor(
    async () => {
      const { body } = await user.call('GET', `/api/agents/${handle}/executions/${executionId}`);
      return body.status === 'completed' ? body : null;
    },
    { describe: 'the completed execution' },
  );

describe('turns of the chat gateway and processes that die', () => {
  const used = useStackEach({ apis: 2, workers: 1 });
  const { stack, database, url } = used;
  /** Of those that run, in the order of their start. */
  function apiAt(node: number): ApiChild {
    const api = stack.apis.find(({ baseUrl }) => baseUrl === url(node));
    if (api === undefined) throw new Error('no such api');
    return api;
  }

  test('gateway#4: an api killed behind the store of a turn: its caller finds the answer at another one', async () => {
    for (const [round, when] of ['stored', 'handed over', 'taken'].entries()) {
      const user = await signInUser(stack);
      const agent = await startAgent(used, url(1));
      const path = `/api/agents/${agent.handle}/executions`;
      const lost = user.chat(agent, `killed when ${when}`, LATE).catch(() => null);
      const { _id: id } = await untilStored(used, `killed when ${when}`);
      if (round > 0) await agent.untilAsked();
      if (round > 1) await waitFor(async () => (await user.call('GET', `${path}/${id}`)).body.status === 'running');
      await stack.kill(apiAt(0));
      expect(await lost).toBeNull();
      await agent.untilAsked();
      const listed = await user.call('GET', path);
      expect(listed.body.map((row: { id: string }) => row.id)).toEqual([id]);
      await agent.answer();
      expect((await untilCompleted(user, agent, id)).response).toBe(`You said: killed when ${when}`);
      await expectDoneOnce(used, id);
      expect(agent.agent.repeats).toBe(0);
      agent.agent.disconnect();
      await stack.startApi();
    }
  });

  test('gateway#4: an api that ends right behind the commit of a turn: the worker hands the message over', async () => {
    const user = await signInUser(stack);
    const agent = await startAgent(used, url(1));
    const now = new Date();
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const session = await createSession(database, principal, agent.agent.id, now);
    const [waitUntil, deadlineAt] = [new Date(now.getTime() + 600_000), new Date(now.getTime() + 900_000)];
    // All that an api leaves that got no further: this process is one.
    const turn = {
      session,
      isOwned: false,
      message: 'Only stored',
      wantsStream: false,
      hints: {},
      waitUntil,
      deadlineAt,
      now,
    };
    const { _id: id } = await startTurn(database, turn);
    await agent.untilAsked();
    await agent.answer();
    await untilCompleted(user, agent, id);
    await expectDoneOnce(used, id);
    agent.agent.disconnect();
  });

  test('gateway#4: the only worker killed at the reply: the answer is there at once, the flow follows', async () => {
    const user = await signInUser(stack);
    const agent = await startAgent(used, url(1));
    const answers = [user.chat(agent, 'to a dead worker', LATE)];
    await agent.untilAsked();
    const [worker] = stack.workers;
    if (worker === undefined) throw new Error('no worker');
    await Promise.all([agent.answer(), stack.kill(worker)]);
    expect((await answers[0])?.body.response).toBe('You said: to a dead worker');
    answers.push(user.chat(agent, 'without a worker', LATE));
    await agent.untilAsked(2);
    await agent.answer(1);
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    expect(bodies.map(({ response }) => response)).toEqual([
      'You said: to a dead worker',
      'You said: without a worker',
    ]);
    await stack.startWorker();
    for (const { execution_id: id } of bodies) {
      const flow = used.client.workflow.getHandle(turnId(id));
      expect(await flow.result()).toEqual({ status: 'completed', isHandedOver: true });
      await waitFor(async () => (await database.outbox.countDocuments({ executionId: id })) === 0);
      expect(await database.gatewayEvents.countDocuments({ executionId: id, type: 'end' })).toBe(1);
    }
    agent.agent.disconnect();
  });

  test('gateway#4: an api killed as soon as it accepted the answer: the turn completes at another one', async () => {
    const user = await signInUser(stack);
    const agent = await startAgent(used, url(1));
    const waiting = user.chat(agent, 'killed when answered', LATE);
    await agent.untilAsked();
    await agent.answer();
    await stack.kill(apiAt(1));
    const { body } = await waiting;
    expect(body.response).toBe('You said: killed when answered');
    await expectDoneOnce(used, body.execution_id);
    agent.agent.disconnect();
  });

  test('gateway#4: an answer whose process died behind its commit is settled by the worker', async () => {
    const user = await signInUser(stack);
    const agent = await startAgent(used, url(1));
    const waiting = user.chat(agent, 'settled later', LATE);
    await agent.untilAsked();
    await commitAnswer(used, agent.agent, 'settled later');
    const { body } = await waiting;
    expect(body.response).toBe('You said: settled later');
    await expectDoneOnce(used, body.execution_id);
    agent.agent.disconnect();
  });

  test('gateway.md §11: at a shutdown streams end without [DONE], and callers go on at another process', async () => {
    const user = await signInUser(stack);
    const agent = await startAgent(used, url(1));
    const path = `/api/agents/${agent.handle}`;
    const lines = await user.stream(`${path}/chat`, { body: { message: 'as lines', ...LATE } });
    await agent.untilAsked();
    await agent.answer();
    await lines.text();
    const open = await user.stream(`${path}/chat`, { body: { message: 'as lines again', ...LATE } });
    const id = open.headers.get('x-execution-id') ?? '';
    await agent.untilAsked(2);
    const followed = await user.stream(`${path}/executions/${id}/stream`, { method: 'GET' });
    const other = await user.stream(`${path}/chat/stream`, {
      body: { message: 'as events', new_session: true, ...LATE },
    });
    const waiting = user.chat(agent, 'as JSON', { new_session: true, ...LATE });
    await agent.untilAsked(4);
    const [, shownLines, shownFollowed, shownOther, refused] = await Promise.all([
      stack.terminate(apiAt(0)),
      open.text(),
      followed.text(),
      other.text(),
      waiting,
    ]);
    expect(linesOf(shownLines).map(({ type, subtype }) => [type, subtype])).not.toContainEqual(['result', 'success']);
    expect(linesOf(shownLines).at(-1)).toMatchObject({ type: 'system', subtype: 'status', status: 'waiting' });
    for (const shown of [shownFollowed, shownOther]) {
      expect(shown).not.toContain('[DONE]');
      expect(shown).toMatch(/\n: closing, .*\n\n$/);
    }
    expect([refused.status, refused.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const turns = [
      [id, 1, recordIds(shownFollowed).at(-1)],
      [other.headers.get('x-execution-id') ?? '', 2, undefined],
      [refused.headers.get('x-execution-id') ?? '', 3, undefined],
    ] as const;
    for (const [execution, index, known] of turns) {
      const resumed = await user.stream(`${path}/executions/${execution}/stream`, {
        method: 'GET',
        headers: known === undefined ? {} : { 'last-event-id': known },
      });
      await agent.answer(index);
      const rest = await resumed.text();
      expect(rest.endsWith('data: [DONE]\n\n')).toBe(true);
      const texts = recordsOf(rest).filter(({ type }) => type === 'text');
      expect(texts.map(({ content }) => content)).toEqual([`You said: ${agent.agent.received[index]?.content.text}`]);
      if (known !== undefined) expect(recordIds(rest)).not.toContain(known);
      await waitFor(async () => (await database.outbox.countDocuments({ executionId: execution })) === 0);
    }
    agent.agent.disconnect();
  });
});

const recordIds = (shown: string): string[] => [...shown.matchAll(/^id: (\d+)$/gm)].map(([, id = '']) => id);

/** The agent's answer is committed by a process that gets no further: this one. */
async function commitAnswer({ database }: UsedStack, agent: SdkAgent, asked: string): Promise<void> {
  const log = createLogger('test', 'silent');
  const agents = createAgentReader(database);
  const committer = createCommitter({
    database,
    agents,
    clock: systemClock,
    log,
    limitRate: false,
    observe: () => undefined,
  });
  const message = agent.received.find(({ content }) => content.text === asked);
  await committer.send({
    sender: { id: agent.id, handle: agent.handle, isSystem: false, keyVersion: 1, isCached: false },
    to: message?.sender ?? '',
    clientMsgId: randomUUID(),
    type: 'text',
    content: JSON.stringify({ text: `You said: ${asked}` }),
    metadata: '{}',
    attachmentId: null,
  });
  await committer.idle();
}

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
    const agent = await startAgent(used, url());
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
    const agent = await startAgent(used, url());
    const user = await signInUser(stack);
    const now = new Date();
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const [waitUntil, deadlineAt] = [new Date(now.getTime() + 600_000), new Date(now.getTime() + 900_000)];
    wire.hang();
    const turns = await Promise.all(
      sequence(1, 12).map(async (index) => {
        const session = await createSession(database, principal, agent.agent.id, now);
        const turn = {
          session,
          isOwned: true,
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
    // One call of Temporal is given up after four seconds: one for each turn would take longer than this.
    const soon = { timeoutMs: 30_000 };
    await waitFor(() => agent.agent.received.length === 12, { ...soon, describe: 'all messages' });
    for (const { message } of turns) await commitAnswer(used, agent.agent, message);
    const completed = () => database.gatewayExecutions.countDocuments({ status: 'completed', message: /^left / });
    await waitFor(async () => (await completed()) === 12, { ...soon, describe: 'all answers' });
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
      const agent = await startAgent(used, url());
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
    const agent = await startAgent(used, url());
    await claim(user.owner, agent.agent.account);
    const waiting = user.chat(agent, 'as JSON', LATE);
    const body = { message: 'as events', new_session: true, ...LATE };
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
