import {
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { TurnActivities } from '../activities/turn';
import { hasEnded } from '../domain/turns';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';
import { turnChangedSignal, turnQuery, type TurnInput, type TurnView } from './messages/turn';

/** A few writes; there is nothing to do but to try until the database answers: the turn's deadline ends it. */
const { advanceTurn, detachTurn, failTurn, cancelTurn } = proxyActivities<TurnActivities>({
  startToCloseTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** A signal that was lost costs no more than this. */
const POLL_MS = 60_000;

/**
 * One turn of the chat gateway (gateway.md §9, §11): hands the user's message over when it is first in its session, frees
 * the session when the caller has stopped waiting, and fails the turn at its deadline. The answer itself is settled behind
 * the commit of the agent's message, by whichever process sees it first, and the flow is told: so a turn is never slower
 * than its messages, and never lost with a process. Cancelling the flow cancels the turn.
 */
export async function turn(input: TurnInput): Promise<TurnView> {
  let view: TurnView = { status: 'queued', isHandedOver: false };
  let isChanged = true;
  let isDetached = false;
  const { executionId } = input;
  const waitUntilMs = Date.parse(input.waitUntil);
  const deadlineMs = Date.parse(input.deadlineAt);

  setHandler(turnChangedSignal, () => void (isChanged = true));
  setHandler(turnQuery, () => view);

  try {
    for (;;) {
      isChanged = false;
      view = await advanceTurn({ executionId });
      show(input, view);
      if (hasEnded(view.status)) return view;
      const now = Date.now();
      if (now >= deadlineMs) {
        view = await failTurn({ executionId });
        show(input, view);
        return view;
      }
      if (now >= waitUntilMs && !isDetached) isDetached = await detachTurn({ executionId });
      const nextMs = !isDetached && now < waitUntilMs ? waitUntilMs : deadlineMs;
      await condition(() => isChanged, Math.max(1, Math.min(nextMs - now, POLL_MS)));
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    view = await CancellationScope.nonCancellable(() => cancelTurn({ executionId }));
    show(input, view);
    throw error;
  }
}

/** What operators read in the Temporal UI: who waits for what since when. */
function show(input: TurnInput, { status, isHandedOver }: TurnView): void {
  const stage = status === 'queued' && isHandedOver ? 'with the agent' : status;
  setCurrentDetails(
    [
      `Stage: **${stage}**.`,
      `Session ${input.sessionId} with @${input.agentHandle}`,
      `The caller waits until ${input.waitUntil}, the turn ends by ${input.deadlineAt}`,
    ].join('\n\n'),
  );
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: AGENT_HANDLE, value: input.agentHandle },
    { key: STAGE, value: status },
  ]);
}
