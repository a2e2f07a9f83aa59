import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { turnId } from '../../workflows/messages/turn';
import type { Parsed } from '../support/agents';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { LOCAL_RECEIVERS, useReceiver, type Received } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

/** An application that asks to be told must be told, by nobody but us, however often its receiver or our worker fails. */
describe('callbacks of tasks', () => {
  const used = useStack({ workers: 1, env: LOCAL_RECEIVERS });
  const { stack, database, url, client } = used;
  const receiver = useReceiver();

  const give = (user: GatewayUser, { handle }: { handle: string }, body: object, headers = {}) =>
    user.call('POST', `/api/agents/${handle}/task`, { body, headers });
  const makeSecret = async (user: GatewayUser): Promise<string> =>
    (await user.call('POST', '/api/callback-secret')).body.callback_secret;
  const verified = async ({ body, headers }: Received, secret: string): Promise<Parsed> => {
    const signature = String(headers['agentchat-signature']);
    await verifyWebhook({ payload: body, signature, secret });
    // What was verified is what the platform wrote.
    return JSON.parse(body.toString()) as Parsed;
  };

  test('gateway.md §12.5: the end of a task is told with the execution, signed with the secret of its owner', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const secret = await makeSecret(user);
    const taken = await give(user, echo, { message: 'Tell me', callback_url: receiver.url });
    const id = taken.body.execution_id;
    const [request] = await receiver.received(1);
    if (request === undefined) throw new Error('nothing came');
    const { event, data, timestamp } = await verified(request, secret);
    const { body: shown } = await user.call('GET', `/api/agents/${echo.handle}/executions/${id}`);
    expect([event, data, timestamp]).toEqual(['execution.completed', shown, shown.completed_at]);
    expect(request.headers['webhook-id']).toBe(id);
    expect(await client.workflow.getHandle(turnId(id)).result()).toMatchObject({ callback: 'told' });
    expect(receiver.requests).toHaveLength(1);
    await expect(verified(request, await makeSecret(user))).rejects.toThrow();
    echo.disconnect();
  });

  test('gateway.md §12.5: the task of a key is signed with the secret that its key came with', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const { body: key } = await user.call('POST', '/api/keys', { body: { name: 'app' } });
    const headers = { authorization: `Bearer ${key.key}` };
    const taken = await give(user, echo, { message: 'Tell the app', callback_url: receiver.url }, headers);
    expect(taken.status).toBe(202);
    const [request] = await receiver.received(1);
    if (request === undefined) throw new Error('nothing came');
    expect((await verified(request, key.callback_secret)).data).toMatchObject({ response: 'You said: Tell the app' });
    echo.disconnect();
  });

  test('gateway.md §12.5: a receiver that fails is told again, also by the worker after one that was killed', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const secret = await makeSecret(user);
    receiver.answer(503);
    const taken = await give(user, echo, { message: 'Try', callback_url: receiver.url });
    await receiver.received(1);
    await waitFor(async () => {
      const view = await client.workflow.getHandle(turnId(taken.body.execution_id)).query('turn');
      return (view as { callback?: string }).callback === 'waiting';
    });
    const [worker] = stack.workers;
    if (worker === undefined) throw new Error('no worker');
    await stack.kill(worker);
    receiver.answer(200);
    await stack.startWorker();
    const requests = await receiver.received(2);
    expect(requests.map(({ headers }) => headers['x-agentchat-attempt'])).toEqual(['1', '2']);
    expect(requests[1]?.body).toEqual(requests[0]?.body);
    for (const request of requests) await verified(request, secret);
    echo.disconnect();
  });

  test('gateway.md §12.5: a cancelled task is told, too', async () => {
    const user = await signInUser(stack);
    const agent = await startEcho(database, url());
    agent.disconnect();
    await makeSecret(user);
    const taken = await give(user, agent, { message: 'Never mind', callback_url: receiver.url });
    await user.call('POST', `/api/agents/${agent.handle}/executions/${taken.body.execution_id}/cancel`);
    const [request] = await receiver.received(1);
    expect(JSON.parse(request?.body.toString() ?? '')).toMatchObject({
      event: 'execution.cancelled',
      data: { id: taken.body.execution_id, status: 'cancelled', response: null },
    });
  });

  test('gateway.md §12.5: a URL that cannot be, and an owner without a secret, are refused with the task', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const unsigned = await give(user, echo, { message: 'x', callback_url: receiver.url });
    expect([unsigned.status, Object.keys(unsigned.body.details.fieldErrors)]).toEqual([400, ['callback_url']]);
    await makeSecret(user);
    for (const callback of ['nonsense', 'ftp://example.com/', 'https://user:pass@example.com/']) {
      const refused = await give(user, echo, { message: 'x', callback_url: callback });
      expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    }
    const { body: key } = await user.call('POST', '/api/keys', { body: { name: 'app' } });
    const headers = { authorization: `Bearer ${key.key}` };
    expect((await user.call('POST', '/api/callback-secret', { headers })).status).toBe(403);
    expect(await database.gatewayExecutions.countDocuments({ agentId: echo.id })).toBe(0);
    echo.disconnect();
  });

  test('gateway.md §12.5: neither the URL nor the secret of a callback rests in the open', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const secret = await makeSecret(user);
    const taken = await give(user, echo, { message: 'x', callback_url: `${receiver.url}?token=hidden-word` });
    await receiver.received(1);
    const rows = [
      await database.gatewayExecutions.findOne({ _id: taken.body.execution_id }),
      await database.owners.findOne({ _id: user.owner.id }),
    ];
    const history = await client.workflow.getHandle(turnId(taken.body.execution_id)).fetchHistory();
    const stored = JSON.stringify([rows, history]);
    expect([stored.includes('hidden-word'), stored.includes(secret), stored.length > 1_000]).toEqual([
      false,
      false,
      true,
    ]);
    echo.disconnect();
  });
});
