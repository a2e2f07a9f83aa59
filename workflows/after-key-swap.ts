import { proxyActivities } from '@temporalio/workflow';
import type { SocketActivities } from '../activities/sockets';
import type { Commit } from './messages';

/** An order is confirmed or lapses within seconds; until it was given, old sockets are closed by their nodes' own look. */
const { closeSockets } = proxyActivities<SocketActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '200 milliseconds', maximumInterval: '10 seconds' },
  summary: 'Close the sockets of the old key',
});

/** The api closes them before it answers; this makes it certain when the api died in between. */
export function closeOlderSockets({ agentId, keyVersion }: Commit): Promise<void> {
  return closeSockets({ agentId, reason: 'API key rotated', keyVersion });
}
