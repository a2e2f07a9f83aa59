import { patched, proxyActivities, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { DeletionActivities } from '../activities/account-deletion';
import type { SocketActivities } from '../activities/sockets';
import { progressQuery, type AccountDeletionInput, type AccountDeletionProgress } from './messages/account-deletion';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';

/**
 * Each step works off rows in short batches and goes on where it was cut off, so a run may be short: a worker that died
 * is noticed after it. Nothing is ever given up: what is left of an account stays until its step has succeeded.
 */
const retry = { initialInterval: '1 second', maximumInterval: '1 minute' } as const;
const step = (summary: string) => ({ startToCloseTimeout: '15 seconds', retry, summary }) as const;

const { closeSockets } = proxyActivities<SocketActivities>(step('Close the sockets'));
const { dropWebhooks } = proxyActivities<DeletionActivities>(step('Remove its webhooks and what they were to be sent'));
const { burnPendings } = proxyActivities<DeletionActivities>(step('Remove the pending verifications'));
const { hideFromContactBooks } = proxyActivities<DeletionActivities>(step('Hide it in contact books'));
const { cancelInvitations } = proxyActivities<DeletionActivities>(step('Cancel group invitations to and from it'));
const { removeAvatar } = proxyActivities<DeletionActivities>(step('Remove its picture'));
const { dropMutes } = proxyActivities<DeletionActivities>(step('Remove its mutes'));

/** The background part of `DELETE /v1/agents/{handle}` (identity.md §10), after the cut-over has committed. */
export async function accountDeletion(input: AccountDeletionInput): Promise<AccountDeletionProgress> {
  const { agentId, handle, hasSearchAttributes } = input;
  const progress: AccountDeletionProgress = { stage: 'starting', done: [] };
  setHandler(progressQuery, () => ({ ...progress }));

  const enter = (stage: string, details: string): void => {
    progress.stage = stage;
    setCurrentDetails(details);
    if (!hasSearchAttributes) return;
    upsertSearchAttributes([
      { key: AGENT_HANDLE, value: handle },
      { key: STAGE, value: stage },
    ]);
  };
  const webhooks: [string, () => Promise<void>] = ['webhooks', () => dropWebhooks({ agentId })];
  const steps: [string, () => Promise<void>][] = [
    // Once more: the api closes them before it answers, unless it died in between.
    ['sockets', () => closeSockets({ agentId, reason: 'Account deleted' })],
    // Flows that began before there were webhooks go on without this step.
    ...(patched('account-deletion-webhooks') ? [webhooks] : []),
    ['pendings', () => burnPendings({ agentId })],
    ['contact_books', () => hideFromContactBooks({ agentId })],
    ['invitations', () => cancelInvitations({ agentId })],
    ['avatar', () => removeAvatar({ agentId, now: Date.now() })],
    ['mutes', () => dropMutes({ agentId })],
  ];

  for (const [name, run] of steps) {
    enter(name, `Done: ${progress.done.join(', ') || 'nothing yet'}; now: ${name}`);
    await run();
    progress.done.push(name);
  }
  enter('done', `Done: ${progress.done.join(', ')}`);
  return progress;
}
