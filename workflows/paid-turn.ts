import {
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  executeChild,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { PaidTurnActivities } from '../activities/paid-turn';
import { WITHHELD_KEEP_MS } from '../contract/limits';
import { settlePauseMs } from '../domain/settlement';
import { paidTurnQuery, settlementAskedSignal, type PaidTurnInput, type PaidTurnView } from './messages/paid-turn';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';
import { turnId } from './messages/turn';
import type { turn } from './turn';

/** A few writes; there is nothing to do but to try until the database answers. */
const { closePaidTurn, abandonPayment } = proxyActivities<PaidTurnActivities>({
  startToCloseTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/**
 * One question to the facilitator, which gives up after 20 seconds; what it says is a result. Only a database out of reach
 * or a worker that died has it asked again from here: with the same payment, which moves money once.
 */
const { settlePayment } = proxyActivities<PaidTurnActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/**
 * A turn that is paid for (gateway.md §6.3, §11): the payment was verified before its turn was stored. The turn is a flow
 * of its own; where it brings no answer the payment is released, else it is settled, asked again while its outcome is not
 * known, and after a refusal whenever its payer sends it once more, for a day. Cancelling the flow cancels the turn, never
 * a settlement that may have happened.
 */
export async function paidTurn(input: PaidTurnInput): Promise<PaidTurnView> {
  let view: PaidTurnView = { state: 'running' };
  let isAsked = false;
  setHandler(settlementAskedSignal, () => void (isAsked = true));
  setHandler(paidTurnQuery, () => view);
  const show = (state: PaidTurnView['state']): PaidTurnView => {
    view = { state };
    showStage(input, state);
    return view;
  };

  show('running');
  if (input.settleUntil === undefined) await runTurn(input);
  return CancellationScope.nonCancellable(async () => {
    if (input.settleUntil === undefined) {
      const { status } = await closePaidTurn({ executionId: input.turn.executionId, paymentId: input.paymentId });
      if (status !== 'completed') return show('released');
    }
    show('settling');
    const untilMs = input.settleUntil === undefined ? Date.now() + WITHHELD_KEEP_MS : Date.parse(input.settleUntil);
    for (let asked = input.asked ?? 0; ; asked += 1) {
      isAsked = false;
      const { status } = await settlePayment({ paymentId: input.paymentId });
      show(status === 'refused' ? 'withheld' : status);
      if (status === 'settled') return view;
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0) break;
      await condition(() => isAsked, status === 'refused' ? leftMs : Math.min(leftMs, settlePauseMs(asked)));
      if (Date.now() >= untilMs && !isAsked) break;
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof paidTurn>({ ...input, settleUntil: new Date(untilMs).toISOString(), asked });
      }
    }
    await abandonPayment({ paymentId: input.paymentId });
    return view;
  });
}

/** Runs the turn to its end, whatever that is: the turn's row says it. */
async function runTurn({ turn: input }: PaidTurnInput): Promise<void> {
  try {
    await executeChild<typeof turn>('turn', {
      workflowId: turnId(input.executionId),
      args: [input],
      staticSummary: `A user who pays waits for @${input.agentHandle}`,
    });
  } catch (error) {
    if (!isCancellation(error) && !(error instanceof ChildWorkflowFailure)) throw error;
  }
}

/** What operators read in the Temporal UI. */
function showStage({ turn: input, paymentId }: PaidTurnInput, state: PaidTurnView['state']): void {
  setCurrentDetails(
    [`Stage: **${state}**.`, `Payment ${paymentId} for ${input.executionId} with @${input.agentHandle}`].join('\n\n'),
  );
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: AGENT_HANDLE, value: input.agentHandle },
    { key: STAGE, value: state },
  ]);
}
