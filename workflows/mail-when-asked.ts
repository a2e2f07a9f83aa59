import { condition, patched, proxyActivities, setHandler } from '@temporalio/workflow';
import type { CodeActivities } from '../activities/code-by-mail';
import { PENDING_LIFETIME_MS } from '../contract/limits';
import type { CodeFlow, Plan } from './code-by-mail';
import { beginUpdate, type BeginAnswer } from './messages/code-by-mail';

/** A caller waits. One try of a mail ends by itself after 8 s (platform/mail.ts); after 30 s nobody cares any more. */
const { mailCode } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '12 seconds',
  scheduleToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumAttempts: 3 },
  summary: 'Mail the code',
});

/** Two rows. The caller waits for it, so that asking again at once meets no cooldown, but not for long: rows expire. */
const { withdrawCode } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '3 seconds',
  scheduleToCloseTimeout: '4 seconds',
  retry: { initialInterval: '200 milliseconds' },
  summary: 'Withdraw the code that was not mailed',
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
  // Flows that began before had it done by the activity that mails, where another try of that could overtake it.
  if (answer.kind !== 'mailed' && patched('code-withdrawn')) {
    await withdrawCode({ pendingId }).catch(() => undefined);
  }
  flow.noteMail(answer.kind === 'mailed' ? 'sent' : 'not_sent');
  if (answer.kind === 'mailed') flow.enter('waiting_for_code');
  else flow.enter(answer.kind === 'mail_failed' ? 'mail_failed' : 'refused');
  return answer;
}
