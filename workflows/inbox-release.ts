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
import type { ReleaseActivities } from '../activities/inbox-release';
import {
  endedSignal,
  releasedSignal,
  releaseProgressQuery,
  repausedSignal,
  type InboxReleaseInput,
  type ReleaseView,
} from './messages/inbox-release';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';

/** An order is confirmed or lapses within seconds. Until it was given, each node finds the end of the pause by its own poll. */
const { orderPumps } = proxyActivities<ReleaseActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds' },
  summary: 'Have all nodes read the inbox',
});

/** Pages of a hundred for 20 s at most; a worker that died is found by its heartbeat, its page is done again. */
const { tellWebhooks } = proxyActivities<ReleaseActivities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Tell webhooks what was held back',
});

/** A few index reads; there is nothing to do but to ask until the database answers. */
const { lookAtRelease } = proxyActivities<ReleaseActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'How far sockets and webhooks are',
});

/** Nodes note how far their sockets are every 5 s; a socket that makes no progress is closed after 10 s. */
const POLL_AFTER_MS = [1_000, 2_000, 4_000, 8_000];
const POLL_MS_MAX = 15_000;

/**
 * Releases what an agent did not get while it was fully paused or suspended (dashboard.md §8.5). Pumps push to the sockets
 * by themselves: the flow orders them to read the inbox and polls how far they are. Deliveries to webhooks are made by the
 * flow. One run per agent: a later end of a pause takes over the run that there is. Ends when every open socket has passed
 * the end of the pause and every envelope has its deliveries, or with another pause or the account.
 */
export async function inboxRelease(input: InboxReleaseInput): Promise<ReleaseView> {
  let epoch = input.epoch;
  let isAsked = input.resumed?.isAsked ?? true;
  let ended: 'repaused' | 'ended' | null = input.resumed?.ended ?? null;
  let view: ReleaseView | null = input.resumed?.view ?? null;
  let polls = 0;

  setHandler(releasedSignal, ({ epoch: newer }) => {
    // A signal may come late: then it is about a pause that is known to have ended.
    if (newer < epoch) return;
    epoch = newer;
    isAsked = true;
    ended = null;
  });
  setHandler(repausedSignal, ({ epoch: newer }) => {
    if (newer > epoch) ended = 'repaused';
  });
  setHandler(endedSignal, () => void (ended = 'ended'));
  setHandler(releaseProgressQuery, () => view);

  for (;;) {
    if (workflowInfo().continueAsNewSuggested && view !== null) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof inboxRelease>({ ...input, epoch, resumed: { view, isAsked, ended } });
    }
    if (isAsked) {
      isAsked = false;
      polls = 0;
      await orderPumps({ agentId: input.agentId });
    }
    const { told, isMore } = await tellWebhooks({ agentId: input.agentId });
    const counted = await lookAtRelease({ agentId: input.agentId });
    view = { ...counted, stage: ended ?? counted.stage, told: (view?.told ?? 0) + told };
    show(input, view);
    if (isAsked || isMore) continue;
    if (view.stage !== 'releasing') return view;
    await condition(() => isAsked || ended !== null, POLL_AFTER_MS[polls] ?? POLL_MS_MAX, {
      summary: 'Sockets take what they are owed',
    });
    polls += 1;
  }
}

/** What operators read in the Temporal UI. */
function show(input: InboxReleaseInput, view: ReleaseView): void {
  setCurrentDetails(detailsOf(view));
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: AGENT_HANDLE, value: input.handle },
    { key: STAGE, value: view.stage },
  ]);
}

function detailsOf({ stage, told, parked, openSockets, socketsBehind, remaining }: ReleaseView): string {
  const many = (count: number): string => (count >= 10_000 ? '10,000 or more' : String(count));
  return [
    `Stage: **${stage}**.`,
    `Sockets: ${openSockets} open, ${socketsBehind} not through yet; envelopes before the slowest: ${many(remaining)}`,
    `Webhooks: ${told} deliveries made, still to be told of: ${many(parked)} envelopes`,
  ].join('\n\n');
}
