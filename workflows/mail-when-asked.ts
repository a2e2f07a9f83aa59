import { condition, proxyActivities, setHandler } from '@temporalio/workflow';
import type { CodeActivities } from '../activities/code-by-mail';
import { PENDING_LIFETIME_MS } from '../contract/limits';
import type { CodeFlow, Plan } from './code-by-mail';
import { beginUpdate, type BeginAnswer } from './messages/code-by-mail';

/** A caller waits: one try of a mail may take 12 s at worst (SMTP timeouts), after 30 s nobody cares any more. */
const { mailCode } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '12 seconds',
  scheduleToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumAttempts: 3 },
  summary: 'Mail the code',
});

/** How long a started flow waits for its caller to ask. Callers ask with the start, so this is for lost ones. */
const BEGIN_WAIT = '30 seconds';

/** The part of registration and rotation: a caller asks for the mail and waits until it was accepted. */
export const mailWhenAsked: Pick<Plan, 'firstStage' | 'prepare' | 'untilRuled'> = {
  firstStage: 'starting',
  prepare: (flow) => {
    let begin: Promise<BeginAnswer> | null = null;
    setHandler(beginUpdate, ({ answerBy }) => (begin ??= mailUnlessLate(flow, answerBy)));
  },
  untilRuled: async (flow) => {
    const stage = () => flow.state().stage;
    if (!(await condition(() => stage() !== 'starting', BEGIN_WAIT))) return flow.enter('abandoned');
    // No deadline of its own: the activity has one, and what it answers is what the caller gets.
    await condition(() => stage() !== 'mailing');
    if (stage() !== 'waiting_for_code') return;
    if (!(await condition(() => stage() !== 'waiting_for_code', PENDING_LIFETIME_MS))) flow.enter('expired');
  },
};

/** A worker that takes the flow after its caller got 503, or when the flow is closing, mails nothing. */
async function mailUnlessLate(flow: CodeFlow, answerBy: number): Promise<BeginAnswer> {
  if (flow.state().stage !== 'starting') return { kind: 'too_late' };
  if (Date.now() > answerBy) {
    flow.enter('abandoned');
    return { kind: 'too_late' };
  }
  flow.enter('mailing');
  const { pendingId } = flow.input;
  const answer = await mailCode({ pendingId, now: Date.now() }).catch((): BeginAnswer => ({ kind: 'mail_failed' }));
  flow.noteMail(answer.kind === 'mailed' ? 'sent' : 'not_sent');
  if (answer.kind === 'mailed') flow.enter('waiting_for_code');
  else flow.enter(answer.kind === 'mail_failed' ? 'mail_failed' : 'refused');
  return answer;
}
