import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { EnforcementActivities } from '../activities/enforcement';
import {
  RESTRICTION_BLOCKS,
  RESTRICTION_WINDOW_HOURS,
  SUSPENSION_BLOCKS,
  SUSPENSION_REPORTS,
  SUSPENSION_WINDOW_DAYS,
} from '../contract/limits';
import type { EnforcementTrigger } from '../domain/enforcement';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';
import { enforcementQuery, evaluateSignal, type EnforcementInput, type EnforcementView } from './messages/enforcement';

/**
 * A recount is five index reads and one commit; ten seconds are a stuck database. It is repeated for ever: until it
 * succeeds the present status stands, and after some failures it raises an alarm itself.
 */
const { evaluate } = proxyActivities<EnforcementActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Recount blocks and reports',
});

/** An order to the nodes may wait 5 s for one that hangs; what a transition demands is repeated until it is done. */
const { settleTransition } = proxyActivities<EnforcementActivities>({
  startToCloseTimeout: '15 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Close sockets, tell operators',
});

/** How long a run waits for the signal that it was started with; one started by hand has none. */
const FIRST_SIGNAL_MS = 10_000;

/**
 * Keeps one agent's state as the community's blocks and reports demand: recounts when asked, however often, does what
 * a transition demands exactly once, and sleeps until a restriction can lift. Ends when there is nothing to wait for;
 * the next block starts it again.
 */
export async function enforcement(input: EnforcementInput): Promise<EnforcementView> {
  let asked: EnforcementTrigger | null = input.resumed?.asked ?? null;
  let view: EnforcementView | null = input.resumed?.view ?? null;

  setHandler(evaluateSignal, ({ trigger }) => {
    asked = trigger;
  });
  setHandler(enforcementQuery, () => view);

  if (input.resumed === undefined) await condition(() => asked !== null, FIRST_SIGNAL_MS);
  for (;;) {
    if (workflowInfo().continueAsNewSuggested && view !== null) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof enforcement>({ ...input, resumed: { asked, view } });
    } else if (asked !== null || view === null) {
      const trigger: EnforcementTrigger = asked ?? 'operator';
      asked = null;
      view = await recount(input, trigger);
    } else if (view.nextEvaluationAt === null) {
      return view;
    } else if (!(await untilAsked(() => asked !== null, view.nextEvaluationAt))) {
      asked = 'timer';
    }
  }
}

async function recount(input: EnforcementInput, trigger: EnforcementTrigger): Promise<EnforcementView> {
  const { unsettled, ...counted } = await evaluate({ agentId: input.agentId, trigger, now: Date.now() });
  const view = { ...counted, trigger, evaluatedAt: Date.now() };
  show(input, view);
  for (const number of unsettled) await settleTransition({ agentId: input.agentId, number });
  return view;
}

function untilAsked(isAsked: () => boolean, at: number): Promise<boolean> {
  return condition(isAsked, Math.max(1, at - Date.now()), { summary: 'The restriction can lift' });
}

/** What operators read in the Temporal UI: never who blocked or reported. */
function show(input: EnforcementInput, view: EnforcementView): void {
  setCurrentDetails(detailsOf(view));
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: AGENT_HANDLE, value: input.handle },
    { key: STAGE, value: view.status },
  ]);
}

function detailsOf({ status, source, isSticky, counts, nextEvaluationAt, trigger }: EnforcementView): string {
  const held = source === 'operator' ? ', set by an operator' : isSticky ? ', held by an operator' : '';
  const lift =
    nextEvaluationAt === null
      ? ''
      : `\n\nCan lift at ${new Date(nextEvaluationAt).toISOString()} unless more blocks come.`;
  return [
    `The account is **${status}**${held}. Last recount because of: ${trigger}.`,
    '',
    '| Counting | Now | Threshold |',
    '| --- | --- | --- |',
    `| blocks in ${RESTRICTION_WINDOW_HOURS} hours | ${counts.blocksInDay} | ${RESTRICTION_BLOCKS}: restricted |`,
    `| blocks in ${SUSPENSION_WINDOW_DAYS} days | ${counts.blocksInWeek} | ${SUSPENSION_BLOCKS}: suspended |`,
    `| reports in ${SUSPENSION_WINDOW_DAYS} days | ${counts.reportsInWeek} | ${SUSPENSION_REPORTS}: suspended |`,
  ]
    .join('\n')
    .concat(lift);
}
