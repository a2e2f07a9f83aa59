import { newGatewayId } from '../../platform/ids';
import type { Parsed } from '../support/agents';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §9.1, §9.3: turns as they are and were. */
describe('executions of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });
  let owner: GatewayUser;
  let user: GatewayUser;
  let echo: SdkAgent;
  let path: string;

  beforeEach(async () => {
    [echo, owner, user] = await Promise.all([startEcho(database, url()), signInUser(stack), signInUser(stack)]);
    await claim(owner.owner, echo.account);
    path = `/api/agents/${echo.handle}/executions`;
  });
  /** Disconnected also when a test fails: its sockets would keep the run alive. */
  const connected: SdkAgent[] = [];
  afterEach(() => [echo, ...connected.splice(0)].forEach((agent) => agent.disconnect()));

  const idsAt = async (query = '', who = owner) =>
    (await who.call('GET', path + query)).body.map(({ id }: Parsed) => id) as string[];
  /** An agent that takes messages and does not answer. */
  async function silence(): Promise<SdkAgent> {
    const silent = await SdkAgent.create(database, url());
    connected.push(silent);
    await Promise.all([claim(owner.owner, silent.account), silent.connect()]);
    return silent;
  }

  test('the newest comes first; status, its alias and session narrow the list', async () => {
    const first = (await owner.chat(echo, 'one')).body;
    const second = (await owner.chat(echo, 'two', { new_session: true })).body;
    const third = (await owner.chat(echo, 'three', { session_id: first.session_id })).body;
    const all = [third, second, first].map(({ execution_id }) => execution_id);
    expect(await idsAt()).toEqual(all);
    expect(await idsAt('?status=completed')).toEqual(all);
    expect(await idsAt('?status=success')).toEqual(all);
    expect(await idsAt('?status=failed')).toEqual([]);
    expect(await idsAt(`?session_id=${first.session_id}`)).toEqual([all[0], all[2]]);
    expect(await idsAt(`?session_id=${second.session_id}&status=success`)).toEqual([all[1]]);
    expect(await idsAt('?hours=1')).toEqual(all);
    const [row] = (await owner.call('GET', path)).body;
    expect(row).toMatchObject({ status: 'completed', triggered_by: 'chat', message: 'three', error: null });
    const refused = await owner.call('GET', `${path}?status=done`);
    expect([refused.status, refused.body]).toMatchObject([400, { code: 'VALIDATION_ERROR' }]);
    expect(refused.body.detail).toBe(refused.body.message);
  });

  test('`hours` leaves out what is older', async () => {
    const { execution_id } = (await owner.chat(echo, 'long ago')).body;
    const queuedAt = new Date(Date.now() - 2 * 3_600_000);
    await database.gatewayExecutions.updateOne({ _id: execution_id }, { $set: { queuedAt } });
    expect([await idsAt('?hours=1'), await idsAt('?hours=3')]).toEqual([[], [execution_id]]);
  });

  test('`Link` leads through all pages, with the filters of the first', async () => {
    for (const text of ['0', '1', '2', '3', '4']) await owner.chat(echo, text);
    const session_id = (await owner.call('GET', path)).body[0].session_id;
    const all = await idsAt();
    const seen: string[] = [];
    let pages = 0;
    for (let next: string | null = `${path}?limit=2&session_id=${session_id}`; next !== null; pages += 1) {
      const { body, headers } = await owner.call('GET', next);
      seen.push(...body.map(({ id }: Parsed) => id));
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? null;
      expect(next?.includes(session_id) ?? true).toBe(true);
    }
    expect([pages, seen]).toEqual([3, all]);
  });

  test('a list shows the beginning of a message, the execution all of it', async () => {
    const message = `${'x'.repeat(499)}🙂 and more`;
    const { execution_id } = (await owner.chat(echo, message)).body;
    expect((await owner.call('GET', path)).body[0].message).toBe('x'.repeat(499));
    const one = (await owner.call('GET', `${path}/${execution_id}`)).body;
    expect(one).toMatchObject({ message, response: `You said: ${message}`, status: 'completed', error_code: null });
    expect(one.response_message_ids).toHaveLength(1);
  });

  test("a caller sees its own executions, the agent's owner those of everybody", async () => {
    const mine = (await owner.chat(echo, 'mine')).body.execution_id;
    const users = (await user.chat(echo, 'theirs')).body.execution_id;
    expect([await idsAt(), await idsAt('', user)]).toEqual([[users, mine], [users]]);
    expect((await owner.call('GET', `${path}/${users}`)).body).toMatchObject({ id: users, message: 'theirs' });
    expect((await owner.call('GET', `${path}/${users}/log`)).status).toBe(200);
  });

  test("somebody else's execution, and one of another agent, are answered as ones that never were", async () => {
    const other = await startEcho(database, url());
    connected.push(other);
    const foreign = [(await owner.chat(echo, 'hi')).body, (await user.chat(other, 'hi')).body];
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/log'],
      ['GET', '/stream'],
      ['POST', '/terminate'],
      ['POST', '/cancel'],
    ] as const) {
      const never = await user.call(method, `${path}/${newGatewayId('execution')}${rest}`);
      expect([method, rest, never.status, never.body]).toEqual([
        method,
        rest,
        404,
        { code: 'EXECUTION_NOT_FOUND', message: expect.any(String), detail: never.body.message },
      ]);
      for (const { execution_id } of foreign) {
        const { status, text } = await user.call(method, `${path}/${execution_id}${rest}`);
        expect([method, rest, status, text]).toEqual([method, rest, 404, never.text]);
      }
    }
  });

  test('the log has the events in their order, and goes on behind any of them', async () => {
    const { execution_id } = (await owner.chat(echo, 'Log me')).body;
    const log = async (query = '') => (await owner.call('GET', `${path}/${execution_id}/log${query}`)).body;
    const { events, next } = await log();
    const kinds = events.map(({ type }: Parsed) => type);
    expect([kinds.at(0), kinds.at(-2), kinds.at(-1)]).toEqual(['status', 'text', 'end']);
    expect(events.map(({ n }: Parsed) => n)).toEqual(events.map((_: Parsed, index: number) => index + 1));
    expect(next).toBe(events.length);
    expect(events.at(-2).data).toEqual({ text: 'You said: Log me' });
    expect(await log('?limit=1')).toEqual({ events: events.slice(0, 1), next: 1 });
    expect(await log('?after=1')).toEqual({ events: events.slice(1), next });
    expect(await log(`?after=${next}`)).toEqual({ events: [], next });
  });

  test('an error that the agent reports is a 502 with its code, and the execution says so', async () => {
    const silent = await silence();
    silent.onMessage(({ sender, id }) =>
      silent.client.sendMessage({
        to: sender,
        content: { text: 'I could not' },
        client_msg_id: `re-${id}`,
        metadata: { gateway: { error: { code: 'quota', message: 'No more today' } } },
      }),
    );
    const { status, body } = await owner.chat(silent, 'Please');
    expect([status, body]).toEqual([
      502,
      {
        code: 'AGENT_ERROR',
        message: 'No more today',
        detail: 'No more today',
        details: { execution_id: expect.any(String), agent_code: 'quota' },
      },
    ]);
    const one = await owner.call('GET', `/api/agents/${silent.handle}/executions/${body.details.execution_id}`);
    expect(one.body).toMatchObject({ status: 'failed', error_code: 'agent_error', error: 'No more today' });
  });

  test('a message that says it is not the last leaves the turn open; the answer has all of them', async () => {
    const silent = await silence();
    silent.onMessage(async ({ sender, id }) => {
      const part = (text: string, metadata: object) =>
        silent.client.sendMessage({
          to: sender,
          content: { text },
          client_msg_id: `${text}-${id}`,
          metadata: { ...metadata },
        });
      await part('First', { gateway: { final: false } });
      await part('then', { gateway: { final: true, error: null } });
    });
    const { status, body } = await owner.chat(silent, 'In parts');
    expect([status, body.response]).toEqual([200, 'First\n\nthen']);
  });

  test('a queued turn that is cancelled never reaches the agent; a stranger cancels nothing', async () => {
    const silent = await silence();
    const list = `/api/agents/${silent.handle}/executions`;
    const first = owner.chat(silent, 'first');
    await waitFor(() => silent.received.length === 1, { describe: 'the first message' });
    const second = owner.chat(silent, 'second', {}, 1);
    await waitFor(async () => (await owner.call('GET', list)).body.length === 2, { describe: 'the second turn' });
    const [queued, running] = (await owner.call('GET', list)).body.map(({ id }: Parsed) => id) as string[];
    expect((await user.call('POST', `${list}/${queued}/cancel`)).status).toBe(404);
    const cancelled = await owner.call('POST', `${list}/${queued}/cancel`, { body: { reason: 'no need' } });
    expect(cancelled.body).toEqual({ status: 'cancelled_while_queued', execution_id: queued });
    expect([(await second).status, (await second).body.code]).toEqual([409, 'TURN_CANCELLED']);
    const ended = await owner.call('POST', `${list}/${running}/terminate`);
    expect(ended.body).toEqual({ status: 'terminated', execution_id: running });
    expect((await first).status).toBe(409);
    const again = await owner.call('POST', `${list}/${running}/terminate`);
    expect(again.body).toEqual({ status: 'already_finished', execution_id: running });
    expect(silent.received).toHaveLength(1);
  });
});
