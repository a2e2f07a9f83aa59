import { CancellationScope, condition, isCancellation, proxyActivities, sleep } from '@temporalio/workflow';
import type { CodeActivities } from '../activities/code-by-mail';
import { PENDING_LIFETIME_MS } from '../contract/limits';
import { closeOlderSockets } from './after-key-swap';
import { codeByMail, type CodeFlow } from './code-by-mail';
import type { CodeFlowInput, CodeFlowResult } from './messages/code-by-mail';

/** Nobody waits: the mail system gets the whole life of the code, at a pace that does not press it. */
const { mailRecoveryCode } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '12 seconds',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  summary: 'Mail the code, if there is anybody to mail it to',
});

/** `POST /v1/agents/recover`: identity.md §5, §6. Decoys run the same steps. */
export function recovery(input: CodeFlowInput): Promise<CodeFlowResult> {
  return codeByMail(input, {
    firstStage: 'waiting_for_code',
    untilRuled: mailAndWait,
    words: { committing: 'the API is replacing the key', verified: 'The key was replaced' },
    afterCommit: closeOlderSockets,
  });
}

/** Tries are ruled on from the first moment, mailed or not: a mail that is late and a decoy must be alike. */
async function mailAndWait(flow: CodeFlow): Promise<void> {
  const scope = new CancellationScope();
  const mailing = scope
    .run(() => mailWhenAllowed(flow))
    .catch((error: unknown) => {
      if (!isCancellation(error)) flow.noteMail('not_sent');
    });
  const isRuled = await condition(() => flow.state().stage !== 'waiting_for_code', PENDING_LIFETIME_MS);
  if (!isRuled) flow.enter('expired');
  scope.cancel();
  await mailing;
}

/** A cooldown that another flow began is waited for. */
async function mailWhenAllowed(flow: CodeFlow): Promise<void> {
  const { pendingId } = flow.input;
  for (;;) {
    const answer = await mailRecoveryCode({ pendingId, now: Date.now() });
    if (answer.kind !== 'cooldown') return flow.noteMail(answer.kind === 'mailed' ? 'sent' : 'not_sent');
    flow.noteMail('held');
    await sleep(answer.retryAfterMs, { summary: 'End of the cooldown' });
  }
}
