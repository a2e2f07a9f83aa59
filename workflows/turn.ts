import {
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { CallbackActivities } from '../activities/callback';
import type { TurnActivities } from '../activities/turn';
import { hasEnded } from '../domain/turns';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';
import { turnChangedSignal, turnQuery, type TurnInput, type TurnView } from './messages/turn';

/** A few writes; there is nothing to do but to try until the database answers: the turn's deadline ends it. */
const { advanceTurn, detachTurn, failTurn, cancelTurn } = proxyActivities<TurnActivities>({
  startToCloseTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** One attempt takes 12 s at most; what failed on our side is tried until it was made. */
const { tellEnd } = proxyActivities<CallbackActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  summary: 'Tell the end to the application',
});

/** A signal that was lost costs no more than this, or this part of a long life: so many looks are the most. */
const POLL_MS = 60_000;
const POLLS_MAX = 60;

/**
 * One turn of the chat gateway (gateway.md §9, §11): hands the user's message over when it is first in its session, frees
 * the session when the caller has stopped waiting, and fails the turn at its deadline. The answer itself is settled behind
 * the commit of the agent's message, by whichever process sees it first, and the flow is told: so a turn is never slower
 * than its messages, and never lost with a process. Cancelling the flow cancels the turn.
 */
export async function turn(input: TurnInput): Promise<TurnView> {
  let view: TurnView = input.ended ?? { status: 'queued', isHandedOver: false };
  let isChanged = true;
  let isDetached = false;
  const { executionId } = input;
  const waitUntilMs = Date.parse(input.waitUntil);
  const deadlineMs = Date.parse(input.deadlineAt);
  const pollMs = Math.max(POLL_MS, (deadlineMs - Date.now()) / POLLS_MAX);

  /** The turn has ended: so hears the application that asked for it, as often as webhooks are tried. */
  async function tell(): Promise<TurnView> {
    for (let attempt = 1; input.hasCallback === true; attempt += 1) {
      const result = await tellEnd({ executionId, attempt });
      view = { ...view, callback: result.kind };
      show(input, view);
      if (result.kind !== 'waiting') break;
      await sleep(result.waitMs);
    }
    return view;
  }

  setHandler(turnChangedSignal, () => void (isChanged = true));
  setHandler(turnQuery, () => view);

  try {
    if (input.ended !== undefined) show(input, view);
    while (!hasEnded(view.status)) {
      isChanged = false;
      view = await advanceTurn({ executionId });
      show(input, view);
      if (hasEnded(view.status)) break;
      const now = Date.now();
      if (now >= deadlineMs) {
        view = await failTurn({ executionId });
        show(input, view);
        break;
      }
      if (now >= waitUntilMs && !isDetached) isDetached = await detachTurn({ executionId });
      const nextMs = !isDetached && now < waitUntilMs ? waitUntilMs : deadlineMs;
      const lookMs = Math.min(nextMs, view.nextLookAt ?? nextMs);
      await condition(() => isChanged, Math.max(1, Math.min(lookMs - now, pollMs)));
    }
    return await tell();
  } catch (error) {
    // Of one that has ended only the telling of it is cancelled.
    if (!isCancellation(error) || hasEnded(view.status)) throw error;
    await CancellationScope.nonCancellable(async () => {
      view = await cancelTurn({ executionId });
      show(input, view);
      await tell();
    });
    throw error;
  }
}

/** What operators read in the Temporal UI: who waits for what since when. */
function show(input: TurnInput, { status, isHandedOver, callback }: TurnView): void {
  const stage = status === 'queued' && isHandedOver ? 'with the agent' : status;
  const told = callback === undefined ? [] : [`The end of it, for its application: **${callback}**`];
  setCurrentDetails(
    [
      `Stage: **${stage}**.`,
      `Session ${input.sessionId} with @${input.agentHandle}`,
      `The caller waits until ${input.waitUntil}, the turn ends by ${input.deadlineAt}`,
      ...told,
    ].join('\n\n'),
  );
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: AGENT_HANDLE, value: input.agentHandle },
    { key: STAGE, value: status },
  ]);
}
