import type { CodeActivities } from '../../activities/code-by-mail';
import type { CodeFlowOutcome } from '../../domain/code-flow';
import { beginUpdate, codeFlowId, verifyUpdate, type CodeFlowResult } from '../../workflows/messages/code-by-mail';
import type { visit } from '../../workflows/visit';
import { codeFor, notCode } from '../support/codes';
import { saveHistory } from '../support/histories';
import { startEcho } from '../support/gateway';
import { newLink, ownerOf, visitorCalls } from '../support/public-chat';
import { useSkippedTime } from '../support/skipped-time';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Records what proofs of visitors' addresses do; run by `npm run histories`. */
describe('visits of real processes', () => {
  const { stack, client, database, url } = useStack();
  let token = '';

  beforeAll(async () => {
    const agent = await startEcho(database, url());
    agent.disconnect();
    token = (await newLink(await ownerOf(stack, agent), agent, { require_email: true })).token;
  });

  const post = (step: 'request' | 'confirm', body: object) =>
    visitorCalls(url).at('POST', `verify/${step}`, { body: { token, ...body } });

  async function save(workflowId: string, behaviour: string): Promise<void> {
    await client.workflow.getHandle(workflowId).result();
    const from = { address: stack.temporalAddress, namespace: stack.namespace };
    await saveHistory(from, workflowId, `visit/${behaviour}`);
  }

  /** Asks for a code, tries wrong ones, then the right one where asked to. @returns the workflow id */
  async function pass(email: string, tries: { wrong: number; right: boolean }): Promise<string> {
    expect((await post('request', { email })).status).toBe(200);
    const pending = await database.pendings.findOne({ email, purpose: 'visit' });
    const code = await codeFor(stack, email);
    for (let tried = 0; tried < tries.wrong; tried += 1) await post('confirm', { email, code: notCode(code) });
    if (tries.right) expect((await post('confirm', { email, code })).status).toBe(200);
    return codeFlowId('visit', pending?._id ?? '');
  }

  /** The pending of a refused call is told to nobody: its flow is the one that ended so. */
  const endedAs = (outcome: CodeFlowOutcome): Promise<string> =>
    waitFor(async () => {
      for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'visit'" })) {
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

describe('timers of visits', () => {
  const time = useSkippedTime();

  const activities: CodeActivities = {
    mailCode: () => Promise.resolve({ kind: 'mailed' }),
    mailRecoveryCode: () => Promise.reject(new Error('a visit mails when asked')),
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
      const input = { pendingId: `pnd_${behaviour}`, handle: null, hasSearchAttributes: false };
      const handle = await time.start<typeof visit>('visit', codeFlowId('visit', input.pendingId), [input]);
      if (begin !== undefined) {
        await handle.executeUpdate(beginUpdate, { args: [{ answerBy: (await time.nowMs()) + begin }] });
      }
      if (proof !== undefined) await handle.executeUpdate(verifyUpdate, { args: [{ proof }] });
      await handle.result();
      const from = time.server;
      await saveHistory(from, handle.workflowId, `visit/${behaviour}`);
    });
  });
});
