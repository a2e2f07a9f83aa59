import { proxyActivities } from '@temporalio/workflow';
import type { SocketActivities } from '../activities/sockets';
import type { Commit } from './messages/code-by-mail';

/** An order is confirmed or lapses within seconds; until it was given, each node finds and closes old sockets by its own poll. */
const { closeSockets } = proxyActivities<SocketActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds' },
  summary: 'Close the sockets of the old key',
});

/** The api closes them before it answers; this makes it certain when the api died in between. */
export async function closeOlderSockets(commit: Commit): Promise<void> {
  if (!('agentId' in commit)) return;
  const { agentId, keyVersion } = commit;
  await closeSockets({ agentId, reason: 'API key rotated', keyVersion });
}
