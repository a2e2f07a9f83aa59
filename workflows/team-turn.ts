import {
  CancellationScope,
  condition,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { PartInput, TeamPlan, TeamTurnActivities, TeamTurnEnd } from '../activities/team-turn';
import { membersUntil, stepUntil } from '../domain/team-turn';
import { hasEnded } from '../domain/turns';
import type { FlowTypes } from './messages/flows';
import { STAGE } from './messages/search-attributes';
import {
  teamTurnChangedSignal,
  teamTurnId,
  teamTurnQuery,
  type TeamTurnInput,
  type TeamTurnView,
} from './messages/team-turn';
import { turnId } from './messages/turn';

/** A few writes for each member of a team, sixteen at most; nothing to do but to try until the database answers. */
const activities = proxyActivities<TeamTurnActivities>({
  startToCloseTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '15 seconds' },
});

/** How late a turn begins at most of which nobody has told the flow that it is the first of its session. */
const LOOK_MS = 5_000;
/** The same of the end of a member's turn whose flow is not this one's child. */
const LOOK_AT_PART_MS = 2_000;

/**
 * One turn of a team (gateway.md §5.4, §11): when it is the first of its session it asks the members, step by step, each
 * in a turn with a flow of its own, and then who sums up. What anybody has said stays in the store: the history holds ids,
 * handles, times and counts. Cancelling the flow cancels the turn and those of its members.
 */
export async function teamTurn(input: TeamTurnInput): Promise<TeamTurnView> {
  const run: Run = { input, view: { status: 'queued', step: 0, steps: 0 }, isChanged: false };
  setHandler(teamTurnChangedSignal, () => void (run.isChanged = true));
  setHandler(teamTurnQuery, () => run.view);
  try {
    await ask(run);
    return await close(run, await activities.finishTeamTurn({ executionId: input.executionId }));
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => cancel(run));
    throw error;
  }
}

interface Run {
  input: TeamTurnInput;
  view: TeamTurnView;
  isChanged: boolean;
}

const cancel = async (run: Run): Promise<TeamTurnView> =>
  close(run, await activities.cancelTeamTurn({ executionId: run.input.executionId }));

/** The turn behind this one is the first of the session now: it is told, and sees it by itself if it is not. */
async function close(run: Run, { status, nextId }: TeamTurnEnd): Promise<TeamTurnView> {
  show(run, { ...run.view, status });
  if (nextId !== null) {
    await getExternalWorkflowHandle(teamTurnId(nextId))
      .signal(teamTurnChangedSignal)
      .catch(() => undefined);
  }
  return run.view;
}

/** Asks everybody, until the time is over or the turn was ended by somebody else. */
async function ask(run: Run): Promise<void> {
  const { executionId, deadlineAt } = run.input;
  const deadlineMs = Date.parse(deadlineAt);
  const plan = await untilFirst(run, deadlineMs);
  if (plan === null) return;
  const { steps, hasSummary } = plan;
  const untilMs = membersUntil({ nowMs: Date.now(), deadlineMs }, hasSummary);
  for (let step = 0; step < steps && Date.now() < untilMs; step += 1) {
    show(run, { status: 'running', step: step + 1, steps });
    const stepMs = stepUntil({ nowMs: Date.now(), untilMs, stepsLeft: steps - step });
    const parts = await activities.beginTeamStep({ executionId, step, until: new Date(stepMs).toISOString() });
    if (!(await untilEnded(run, parts, stepMs))) return;
    await activities.endTeamStep({ executionId, step });
  }
  if (!hasSummary || Date.now() >= deadlineMs) return;
  const parts = await activities.beginTeamSummary({ executionId, until: deadlineAt });
  await untilEnded(run, parts, deadlineMs);
}

/** Waits until the turn is the first of its session; null when it ended before, or its time is over. */
async function untilFirst(run: Run, deadlineMs: number): Promise<TeamPlan | null> {
  for (;;) {
    run.isChanged = false;
    const plan = await activities.openTeamTurn({ executionId: run.input.executionId });
    show(run, { status: plan.status, step: 0, steps: plan.steps });
    if (plan.isFirst) return plan;
    const leftMs = deadlineMs - Date.now();
    if (hasEnded(plan.status) || leftMs <= 0) return null;
    await condition(() => run.isChanged, Math.min(leftMs, LOOK_MS));
  }
}

/**
 * Waits until these turns have ended, or their time is over.
 * @returns false when the team's turn was ended meanwhile: then its members' are, too
 */
async function untilEnded(run: Run, parts: PartInput[], untilMs: number): Promise<boolean> {
  const waiting = { isOver: false, open: parts.length };
  for (const part of parts) {
    void follow(run.input, part, waiting).then(
      () => void (waiting.open -= 1),
      // Only a cancellation of this flow, which is seen below.
      () => undefined,
    );
  }
  try {
    while (waiting.open > 0 && Date.now() < untilMs) {
      // What was told while the members were asked counts, too: it is looked at before anything is waited for.
      await condition(() => waiting.open === 0 || run.isChanged, Math.max(1, untilMs - Date.now()));
      if (run.isChanged && !(await isOpen(run))) return false;
    }
    return true;
  } finally {
    waiting.isOver = true;
  }
}

async function isOpen(run: Run): Promise<boolean> {
  const { executionId } = run.input;
  run.isChanged = false;
  const { status } = await activities.openTeamTurn({ executionId });
  if (!hasEnded(status)) return true;
  await activities.cancelTeamTurn({ executionId });
  return false;
}

/** Runs the flow of a member's turn to its end, and has written down what became of it as soon as it has ended. */
async function follow(input: TeamTurnInput, part: PartInput, waiting: { isOver: boolean }): Promise<void> {
  const { executionId: partId } = part;
  const { executionId, hasSearchAttributes } = input;
  try {
    await executeChild<FlowTypes['turn']>('turn', {
      workflowId: turnId(partId),
      args: [{ ...part, hasSearchAttributes }],
      staticSummary: `A team asks @${part.agentHandle}`,
      // It ends by itself, whatever becomes of the team's turn.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    // The relay has started it, or somebody has cancelled it: what became of the turn stands in the store.
  }
  while (!waiting.isOver && !(await activities.noteTeamMember({ executionId, partId }))) {
    await condition(() => waiting.isOver, LOOK_AT_PART_MS);
  }
}

/** What operators read in the Temporal UI. */
function show(run: Run, view: TeamTurnView): void {
  const { teamId, sessionId, deadlineAt, hasSearchAttributes } = run.input;
  run.view = view;
  const stage = view.status === 'running' ? `step ${view.step} of ${view.steps}` : view.status;
  setCurrentDetails(
    [`Stage: **${stage}**.`, `Team ${teamId} in session ${sessionId}`, `The turn ends by ${deadlineAt}`].join('\n\n'),
  );
  if (hasSearchAttributes) upsertSearchAttributes([{ key: STAGE, value: view.status }]);
}
