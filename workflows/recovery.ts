import { CancellationScope, condition, isCancellation, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import type { CodeActivities } from '../activities/code-by-mail';
import { PENDING_LIFETIME_MS } from '../contract/limits';
import { closeOlderSockets } from './after-key-swap';
import { codeByMail, type CodeFlow } from './code-by-mail';
import { askedSignal, type CodeFlowInput, type CodeFlowResult } from './messages/code-by-mail';

/** Nobody waits: the mail system gets the whole life of the code, at a pace that does not press it. */
const { mailRecoveryCode } = proxyActivities<CodeActivities>({
  startToCloseTimeout: '12 seconds',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  summary: 'Mail the code, if there is anybody to mail it to',
});

/** `POST /v1/agents/recover`: identity.md §5, §6. Decoys run the same steps. */
export function recovery(input: CodeFlowInput): Promise<CodeFlowResult> {
  let asked = 1;
  return codeByMail(input, {
    firstStage: 'waiting_for_code',
    prepare: () => {
      setHandler(askedSignal, ({ ask }) => {
        asked = Math.max(asked, ask);
      });
    },
    untilRuled: (flow) => mailAndWait(flow, () => asked),
    words: { committing: 'the API is replacing the key', verified: 'The key was replaced' },
    afterCommit: closeOlderSockets,
  });
}

/** Tries are ruled on from the first moment, mailed or not: a mail that is late and a decoy must be alike. */
async function mailAndWait(flow: CodeFlow, asked: () => number): Promise<void> {
  const scope = new CancellationScope();
  const mailing = scope
    .run(() => mailEachAsk(flow, asked))
    .catch((error: unknown) => {
      if (!isCancellation(error)) flow.noteMail('not_sent');
    });
  const isRuled = await condition(() => flow.state().stage !== 'waiting_for_code', PENDING_LIFETIME_MS);
  if (!isRuled) flow.enter('expired');
  scope.cancel();
  await mailing;
}

/**
 * A cooldown that another flow began is waited for. An ask that comes meanwhile is served by the same mail; one that comes
 * later gets a mail of its own, with the same code. Ends when it is cancelled.
 */
async function mailEachAsk(flow: CodeFlow, asked: () => number): Promise<never> {
  const { pendingId } = flow.input;
  for (;;) {
    const ask = asked();
    const answer = await mailRecoveryCode({ pendingId, now: Date.now(), ask });
    if (answer.kind === 'cooldown') {
      flow.noteMail('held');
      await sleep(answer.retryAfterMs, { summary: 'End of the cooldown' });
    } else {
      flow.noteMail(answer.kind === 'mailed' ? 'sent' : 'not_sent');
      await condition(() => asked() > ask);
    }
  }
}
