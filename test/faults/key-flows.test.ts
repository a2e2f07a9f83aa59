import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { codeFlowId, verifyUpdate } from '../../workflows/messages/code-by-mail';
import { codeProof } from '../../platform/codes';
import { call, createTestAgent, type TestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** A worker that is killed between any two steps of a flow costs time, never a code, a key or a second mail. */
describe('recovery and rotation while workers are killed', () => {
  const { stack, database, client: temporal, url } = useStack();

  const post = (path: string, body?: object, key?: string, baseUrl = url()) =>
    call(baseUrl, 'POST', path, { ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { key }) });
  const recover = ({ agent }: TestAgent) => post('/v1/agents/recover', { email: agent.email });
  const verify = (pending_id: string, code: string) => post('/v1/agents/recover/verify', { pending_id, code });
  const flowOf = (flow: 'recovery' | 'rotation', pendingId: string) =>
    temporal.workflow.getHandle(codeFlowId(flow, pendingId));
  const killWorkers = async (): Promise<void> => {
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
  };

  test('before the mail: a recovery that is asked for while no worker runs is mailed once when one is back', async () => {
    const one = await createTestAgent(database);
    await killWorkers();
    const started = await recover(one);
    expect(started.status).toBe(200);
    expect((await recover(one)).body.pending_id).toBe(started.body.pending_id);
    await stack.startWorker();
    const code = await codeFor(stack, one.agent.email);
    expect((await verify(started.body.pending_id, code)).status).toBe(200);
    expect(stack.mailbox.messages(one.agent.email)).toHaveLength(1);
  });

  test('in the middle of a mail that is not accepted: it goes out once when the next worker tries', async () => {
    const one = await createTestAgent(database);
    stack.mailbox.refuse(true);
    const started = await recover(one);
    await waitFor(() => database.codeCounters.findOne({ takenBy: started.body.pending_id }));
    await killWorkers();
    stack.mailbox.refuse(false);
    await stack.startWorker();
    const code = await codeFor(stack, one.agent.email);
    expect((await verify(started.body.pending_id, code)).status).toBe(200);
    expect(stack.mailbox.messages(one.agent.email)).toHaveLength(1);
    expect(await database.codeCounters.findOne({ takenBy: started.body.pending_id })).toMatchObject({ sentInHour: 1 });
  });

  test('between mail and code: the code works when a worker is back, and the tries so far count', async () => {
    const one = await createTestAgent(database);
    const started = await recover(one);
    const code = await codeFor(stack, one.agent.email);
    for (let tries = 1; tries <= 4; tries += 1) {
      expect((await verify(started.body.pending_id, '00000a')).body.code).toBe('INVALID_CODE');
    }
    await killWorkers();
    const verifying = verify(started.body.pending_id, code);
    await stack.startWorker();
    expect(await verifying).toMatchObject({ status: 200, body: { handle: one.agent.handle } });
    expect(await flowOf('recovery', started.body.pending_id).result()).toEqual({ outcome: 'verified', attempts: 5 });
  });

  test('between code and word of the commit: the key is swapped, and the flow ends as verified', async () => {
    const one = await createTestAgent(database);
    const started = await post(`/v1/agents/${one.agent.handle}/rotate-key`, undefined, one.apiKey);
    const code = await codeFor(stack, one.agent.email);
    const body = { pending_id: started.body.pending_id, code };
    const verified = await post(`/v1/agents/${one.agent.handle}/rotate-key/verify`, body, one.apiKey);
    await killWorkers();
    expect(verified.status).toBe(200);
    await stack.startWorker();
    expect(await flowOf('rotation', started.body.pending_id).result()).toEqual({ outcome: 'verified', attempts: 1 });
  });

  test('an api that dies between ruling and commit uses up the code and leaves the old key alive', async () => {
    const one = await createTestAgent(database);
    const started = await recover(one);
    const code = await codeFor(stack, one.agent.email);
    const [id = '', secret = ''] = stack.secretKeys.split(':');
    const proof = codeProof({ id, key: Buffer.from(secret, 'base64') }, started.body.pending_id, code);
    // As an api that heard the verdict and was killed before its transaction.
    const flow = flowOf('recovery', started.body.pending_id);
    expect(await flow.executeUpdate(verifyUpdate, { args: [{ proof }] })).toEqual({ kind: 'consumed' });
    expect((await verify(started.body.pending_id, code)).body.code).toBe('EXPIRED');
    expect((await call(url(), 'GET', '/v1/agents/me', { key: one.apiKey })).status).toBe(200);
    expect(await database.agents.findOne({ _id: one.agent._id })).toMatchObject({ keyVersion: 1 });
  });

  test('recover and rotate are 503 without the flow engine, before anything is read; deletion works', async () => {
    const one = await createTestAgent(database);
    const api = await stack.startApi({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    try {
      const before = await database.recoveries.countDocuments();
      const bodies: string[] = [];
      for (const email of [one.agent.email, 'nobody-at-all@example.com']) {
        const startedMs = Date.now();
        const refused = await post('/v1/agents/recover', { email }, undefined, api.baseUrl);
        expect(refused).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        expect(Date.now() - startedMs).toBeLessThan(6_000);
        bodies.push(refused.text);
      }
      expect(bodies[1]).toBe(bodies[0]);
      expect(await database.recoveries.countDocuments()).toBe(before);
      const rotate = await post(`/v1/agents/${one.agent.handle}/rotate-key`, undefined, one.apiKey, api.baseUrl);
      expect(rotate).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
      expect(await database.pendings.countDocuments({ email: one.agent.email })).toBe(0);
      const removed = await call(api.baseUrl, 'DELETE', `/v1/agents/${one.agent.handle}`, { key: one.apiKey });
      expect(removed.status).toBe(200);
      const flow = temporal.workflow.getHandle(accountDeletionId(one.agent._id));
      const progress = await waitFor(() => flow.result(), {
        describe: 'the flow that the relay starts',
      });
      expect(progress).toMatchObject({ stage: 'done' });
    } finally {
      await stack.kill(api);
    }
  });
});
