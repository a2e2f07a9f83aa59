import type { CodeFlowOutcome } from '../../domain/code-flow';
import type { CodeActivities } from '../../activities/code-by-mail';
import type { SocketActivities } from '../../activities/sockets';
import { emailKey } from '../../store/accounts/create-agent';
import { accountDeletionId } from '../../workflows/messages/account-deletion';
import {
  beginUpdate,
  codeFlowId,
  verifyUpdate,
  type CodeFlowName,
  type CodeFlowResult,
} from '../../workflows/messages/code-by-mail';
import type { registration } from '../../workflows/registration';
import { call, createTestAgent } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Records what the flows of accounts do; run by `npm run histories` after a change that old histories cannot follow. */
describe('histories of real processes', () => {
  const { stack, database, client: temporal, url } = useStack();

  const post = (path: string, options: { key?: string; body?: object }) => call(url(), 'POST', path, options);

  async function save(workflowId: string, behaviour: string): Promise<void> {
    // It may start after the answer of the call.
    await waitFor(() => temporal.workflow.getHandle(workflowId).describe());
    await temporal.workflow.getHandle(workflowId).result();
    await saveHistory({ address: stack.temporalAddress, namespace: stack.namespace }, workflowId, behaviour);
  }
  const saveCode = (flow: CodeFlowName, pendingId: string, behaviour: string) =>
    save(codeFlowId(flow, pendingId), `${flow}/${behaviour}`);

  const registrationOf = (handle: string) => ({
    path: '/v1/register',
    email: `${handle}@example.com`,
    options: { body: { handle, email: `${handle}@example.com` } },
  });
  async function recoveryOf() {
    const { email } = (await createTestAgent(database)).agent;
    return { path: '/v1/agents/recover', email, options: { body: { email } } };
  }
  async function rotationOf() {
    const { agent, apiKey } = await createTestAgent(database);
    return { path: `/v1/agents/${agent.handle}/rotate-key`, email: agent.email, options: { key: apiKey } };
  }
  type Start = ReturnType<typeof registrationOf> | Awaited<ReturnType<typeof recoveryOf | typeof rotationOf>>;

  /** Starts, tries wrong codes, then the right one where asked to. @returns the pending id */
  async function pass({ path, email, options }: Start, tries: { wrong: number; right: boolean }): Promise<string> {
    const { body } = await post(path, options);
    const code = await codeFor(stack, email);
    const verify = (given: string) =>
      post(`${path}/verify`, { ...options, body: { pending_id: body.pending_id, code: given } });
    for (let tried = 0; tried < tries.wrong; tried += 1) await verify(notCode(code));
    if (tries.right) expect([200, 201]).toContain((await verify(code)).status);
    return body.pending_id;
  }

  const starts: [CodeFlowName, (handle: string) => Start | Promise<Start>][] = [
    ['registration', registrationOf],
    ['recovery', recoveryOf],
    ['rotation', rotationOf],
  ];

  test.each(starts)('%s: verified, exhausted', async (flow, start) => {
    await saveCode(flow, await pass(await start('verified-one'), { wrong: 1, right: true }), 'verified');
    await saveCode(flow, await pass(await start('exhausted-one'), { wrong: 6, right: false }), 'exhausted');
  });

  test.each(starts.filter(([flow]) => flow !== 'recovery'))('%s: refused, mail failed', async (flow, start) => {
    /** The pending of a refused call is told to nobody: its flow is the one that ended so. */
    const endedAs = (outcome: CodeFlowOutcome): Promise<string> =>
      waitFor(async () => {
        for await (const { workflowId } of temporal.workflow.list({ query: `WorkflowType = '${flow}'` })) {
          const result = (await temporal.workflow.getHandle(workflowId).result()) as CodeFlowResult;
          if (result.outcome === outcome) return workflowId;
        }
        return null;
      });
    const one = await start('refused-one');
    await pass(one, { wrong: 6, right: false });
    expect((await post(one.path, one.options)).body.code).toBe('OTP_COOLDOWN');
    await save(await endedAs('refused'), `${flow}/refused-withdrawn`);
    stack.mailbox.refuse(true);
    const other = await start('failed-one');
    expect((await post(other.path, other.options)).body.code).toBe('OTP_FAILED');
    stack.mailbox.refuse(false);
    await save(await endedAs('mail_failed'), `${flow}/mail-failed-withdrawn`);
  });

  test('recovery: decoy, held back by a cooldown, mail accepted at a later try', async () => {
    const decoy = await post('/v1/agents/recover', { body: { email: 'decoy@example.com' } });
    const verify = (pending_id: string, code: string) =>
      post('/v1/agents/recover/verify', { body: { pending_id, code } });
    for (let tried = 0; tried < 6; tried += 1) await verify(decoy.body.pending_id, '00000a');
    await saveCode('recovery', decoy.body.pending_id, 'decoy');

    const held = await recoveryOf();
    await database.codeCounters.insertOne({
      _id: emailKey(held.email),
      cooldownUntil: new Date(Date.now() + 3_000),
      hourStartedAt: new Date(),
      sentInHour: 1,
      takenBy: ['pnd_other'],
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    await saveCode('recovery', await pass(held, { wrong: 0, right: true }), 'held-back');

    const late = await recoveryOf();
    stack.mailbox.refuse(true);
    const { body } = await post(late.path, late.options);
    await verify(body.pending_id, '00000a');
    stack.mailbox.refuse(false);
    await verify(body.pending_id, await codeFor(stack, late.email));
    await saveCode('recovery', body.pending_id, 'mailed-late');
  });

  test('recovery: asked for again in a later minute', async () => {
    const one = await recoveryOf();
    const first = await post(one.path, one.options);
    await codeFor(stack, one.email);
    await clearCooldown(database, one.email);
    await post(one.path, one.options);
    const given = { pending_id: first.body.pending_id, code: await codeFor(stack, one.email, 2) };
    expect((await post(`${one.path}/verify`, { body: given })).status).toBe(200);
    await saveCode('recovery', first.body.pending_id, 'asked-again');
  });

  test('account-deletion: done', async () => {
    const { agent, apiKey } = await createTestAgent(database);
    await call(url(), 'DELETE', `/v1/agents/${agent.handle}`, { key: apiKey });
    await save(accountDeletionId(agent._id), 'account-deletion/done');
  });
});

describe('histories of timers', () => {
  const time = useSkippedTime();

  const activities: CodeActivities & SocketActivities = {
    mailCode: () => Promise.resolve({ kind: 'mailed' }),
    mailRecoveryCode: () => Promise.resolve({ kind: 'mailed' }),
    checkProof: ({ proof }) => Promise.resolve(proof === 'right'),
    withdrawCode: () => Promise.resolve(),
    closePending: () => Promise.resolve(),
    closeSockets: () => Promise.resolve(),
  };

  /** The three flows have one shape: the type of one serves for all. */
  async function record(flow: CodeFlowName, behaviour: string, steps: { begin?: number; proof?: string }) {
    await time.withWorker(activities, async () => {
      const input = { pendingId: `pnd_${behaviour}`, handle: 'timer-agent', hasSearchAttributes: false };
      const handle = await time.start<typeof registration>(flow, codeFlowId(flow, input.pendingId), [input]);
      if (steps.begin !== undefined) {
        const answerBy = (await time.nowMs()) + steps.begin;
        await handle.executeUpdate(beginUpdate, { args: [{ answerBy }] });
      }
      if (steps.proof !== undefined) await handle.executeUpdate(verifyUpdate, { args: [{ proof: steps.proof }] });
      await handle.result();
      const from = time.server;
      await saveHistory(from, handle.workflowId, `${flow}/${behaviour}`);
    });
  }

  test.each(['registration', 'rotation'] as const)('%s: expired, abandoned, too late, start over', async (flow) => {
    await record(flow, 'expired', { begin: 4_000 });
    await record(flow, 'abandoned', {});
    await record(flow, 'too-late', { begin: -1 });
    await record(flow, 'start-over', { begin: 4_000, proof: 'right' });
  });

  test('recovery: expired, start over', async () => {
    await record('recovery', 'expired', { proof: 'wrong' });
    await record('recovery', 'start-over', { proof: 'right' });
  });
});
