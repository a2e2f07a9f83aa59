import type { CodeActivities } from '../../activities/code-by-mail';
import type { CodeFlowOutcome } from '../../domain/code-flow';
import { beginUpdate, codeFlowId, verifyUpdate, type CodeFlowResult } from '../../workflows/messages/code-by-mail';
import type { signIn } from '../../workflows/sign-in';
import { codeFor, notCode } from '../support/codes';
import { saveHistory } from '../support/histories';
import { callAs } from '../support/owners';
import { useSkippedTime } from '../support/skipped-time';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Records what sign-ins of owners do; run by `npm run histories`. */
describe('sign-ins of real processes', () => {
  const { stack, client, url } = useStack();

  const post = (step: 'request' | 'verify', body: object) =>
    callAs(url(), 'POST', `/dashboard/auth/otp/${step}`, { body });

  async function save(workflowId: string, behaviour: string): Promise<void> {
    await client.workflow.getHandle(workflowId).result();
    const from = { address: stack.temporalAddress, namespace: stack.namespace };
    await saveHistory(from, workflowId, `sign-in/${behaviour}`);
  }

  /** Asks for a code, tries wrong ones, then the right one where asked to. @returns the workflow id */
  async function pass(email: string, tries: { wrong: number; right: boolean }): Promise<string> {
    const { pending_id } = (await post('request', { email })).body;
    const code = await codeFor(stack, email);
    for (let tried = 0; tried < tries.wrong; tried += 1) await post('verify', { pending_id, code: notCode(code) });
    if (tries.right) expect((await post('verify', { pending_id, code })).status).toBe(200);
    return codeFlowId('sign-in', pending_id);
  }

  /** The pending of a refused call is told to nobody: its flow is the one that ended so. */
  const endedAs = (outcome: CodeFlowOutcome): Promise<string> =>
    waitFor(async () => {
      for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'signIn'" })) {
        const result = (await client.workflow.getHandle(workflowId).result()) as CodeFlowResult;
        if (result.outcome === outcome) return workflowId;
      }
      return null;
    });

  test('verified, exhausted, refused, mail failed', async () => {
    await save(await pass('verified@example.com', { wrong: 1, right: true }), 'verified');
    await save(await pass('exhausted@example.com', { wrong: 6, right: false }), 'exhausted');
    expect((await post('request', { email: 'exhausted@example.com' })).body.code).toBe('OTP_COOLDOWN');
    await save(await endedAs('refused'), 'refused');
    stack.mailbox.refuse(true);
    expect((await post('request', { email: 'failed@example.com' })).body.code).toBe('OTP_FAILED');
    stack.mailbox.refuse(false);
    await save(await endedAs('mail_failed'), 'mail-failed-withdrawn');
  });
});

describe('timers of sign-ins', () => {
  const time = useSkippedTime();

  const activities: CodeActivities = {
    mailCode: () => Promise.resolve({ kind: 'mailed' }),
    mailRecoveryCode: () => Promise.reject(new Error('a sign-in mails when asked')),
    checkProof: ({ proof }) => Promise.resolve(proof === 'right'),
    withdrawCode: () => Promise.resolve(),
    closePending: () => Promise.resolve(),
  };

  test.each<[string, { begin?: number; proof?: string }]>([
    ['expired', { begin: 4_000 }],
    ['abandoned', {}],
    ['too-late', { begin: -1 }],
    ['start-over', { begin: 4_000, proof: 'right' }],
  ])('%s', async (behaviour, { begin, proof }) => {
    await time.withWorker(activities, async () => {
      const input = { pendingId: `dpnd_${behaviour}`, handle: null, hasSearchAttributes: false };
      const handle = await time.start<typeof signIn>('signIn', codeFlowId('sign-in', input.pendingId), [input]);
      if (begin !== undefined) {
        await handle.executeUpdate(beginUpdate, { args: [{ answerBy: (await time.nowMs()) + begin }] });
      }
      if (proof !== undefined) await handle.executeUpdate(verifyUpdate, { args: [{ proof }] });
      await handle.result();
      const from = time.server;
      await saveHistory(from, handle.workflowId, `sign-in/${behaviour}`);
    });
  });
});
