import { proxyActivities, setCurrentDetails, setHandler, sleep, upsertSearchAttributes } from '@temporalio/workflow';
import type { GroupDeletionActivities, NoticeOutcome } from '../activities/group-deletion';
import { noticeWaitMs } from '../domain/notice-retry';
import { groupProgressQuery, type GroupDeletionInput, type GroupDeletionProgress } from './messages/group-deletion';
import { STAGE } from './messages/search-attributes';

/** One read; nothing can go on without it, so it is tried until the database answers. */
const { loadGroupDeletion } = proxyActivities<GroupDeletionActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  summary: 'Who has to be told',
});

/** One try per attempt: the waits between attempts are the flow's own. A worker that died is found by its heartbeat. */
const { tellMembers } = proxyActivities<GroupDeletionActivities>({
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 1 },
  summary: 'Tell members live',
});

/** Each member may have up to 10,000 rows; goes on where a failed try stopped, until it is through. */
const { flushMembers } = proxyActivities<GroupDeletionActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  summary: 'Rewrite what members lost',
});

const { finishGroupDeletion } = proxyActivities<GroupDeletionActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  summary: 'Write down the outcome',
});

/** Members that one activity notifies: all of these side by side. */
const NOTIFIED_TOGETHER = 32;
/** Members whose envelopes one activity rewrites: one activity at a time, as nobody waits for it. */
const REWRITTEN_TOGETHER = 8;

/**
 * After the cut-over of a group's deletion: notifies every member that was in it then, each with attempts of its own, and
 * rewrites their older envelopes in batches. Ends when everybody is done or given up; the stored notice and the 410
 * are left for those whom nothing reached.
 */
export async function groupDeletion(input: GroupDeletionInput): Promise<GroupDeletionProgress> {
  const progress: GroupDeletionProgress = {
    stage: 'telling',
    recipients: 0,
    done: 0,
    paused: 0,
    retrying: 0,
    dead: 0,
    flushed: 0,
    flushing: 0,
    unfinishedSince: new Date().toISOString(),
  };
  const dead: string[] = [];
  const show = (): void => {
    const stage = stageOf(progress);
    if (stage !== progress.stage && input.hasSearchAttributes) upsertSearchAttributes([{ key: STAGE, value: stage }]);
    progress.stage = stage;
    if (stage === 'finished') progress.unfinishedSince = null;
    setCurrentDetails(detailsOf(progress));
  };
  setHandler(groupProgressQuery, () => ({ ...progress }));

  const { recipients, flushed } = await loadGroupDeletion({ groupId: input.groupId });
  progress.recipients = recipients.length;
  progress.flushing = flushed.length;
  if (input.hasSearchAttributes) upsertSearchAttributes([{ key: STAGE, value: 'telling' }]);
  show();
  await Promise.all([
    ...chunksOf(recipients, NOTIFIED_TOGETHER).map((agentIds) =>
      notifyAll(input.groupId, agentIds, { progress, dead, show }),
    ),
    rewriteAll(flushed, progress, show),
  ]);
  await finishGroupDeletion({
    groupId: input.groupId,
    done: progress.done,
    paused: progress.paused,
    dead,
    now: Date.now(),
  });
  show();
  return progress;
}

interface Notifying {
  progress: GroupDeletionProgress;
  dead: string[];
  show: () => void;
}

/** The first attempt of many members together; from then on each goes its own way. */
async function notifyAll(groupId: string, agentIds: string[], run: Notifying): Promise<void> {
  const outcomes = await attempt(groupId, agentIds);
  const failed = agentIds.filter((agentId) => !settle(outcomes.get(agentId), run.progress));
  run.progress.retrying += failed.length;
  run.show();
  await Promise.all(failed.map((agentId) => retry(groupId, agentId, run)));
}

async function retry(groupId: string, agentId: string, { progress, dead, show }: Notifying): Promise<void> {
  for (let made = 1; ; made += 1) {
    const waitMs = noticeWaitMs(made, Math.random());
    if (waitMs === null) {
      progress.dead += 1;
      dead.push(agentId);
      break;
    }
    await sleep(waitMs, { summary: `Attempt ${made + 1}` });
    const outcomes = await attempt(groupId, [agentId]);
    if (settle(outcomes.get(agentId), progress)) break;
  }
  progress.retrying -= 1;
  show();
}

/** Outcomes by member; none when the attempt itself came to nothing. */
async function attempt(groupId: string, agentIds: string[]): Promise<Map<string, NoticeOutcome>> {
  const notified = await tellMembers({ groupId, agentIds }).catch(() => []);
  return new Map(notified.map(({ agentId, outcome }) => [agentId, outcome]));
}

function settle(outcome: NoticeOutcome | undefined, progress: GroupDeletionProgress): boolean {
  if (outcome === undefined || outcome === 'failed') return false;
  progress.done += 1;
  if (outcome === 'paused') progress.paused += 1;
  return true;
}

async function rewriteAll(agentIds: string[], progress: GroupDeletionProgress, show: () => void): Promise<void> {
  for (const chunk of chunksOf(agentIds, REWRITTEN_TOGETHER)) {
    await flushMembers({ agentIds: chunk });
    progress.flushed += chunk.length;
    show();
  }
}

function chunksOf<T>(list: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

function stageOf({ recipients, done, dead, retrying, flushed, flushing }: GroupDeletionProgress) {
  if (done + dead + retrying < recipients) return 'telling';
  if (retrying > 0) return 'retrying';
  return flushed < flushing ? 'flushing' : 'finished';
}

function detailsOf(progress: GroupDeletionProgress): string {
  const { recipients, done, paused, retrying, dead, flushed, flushing } = progress;
  return [
    `Members told: ${done} of ${recipients} (${paused} paused by their owners)`,
    `Waiting for another attempt: ${retrying}; given up: ${dead}`,
    `Older envelopes rewritten: ${flushed} of ${flushing} members`,
  ].join('\n\n');
}
