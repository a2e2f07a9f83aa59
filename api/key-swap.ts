import type { Orders } from '../platform/bus';
import { hashApiKey, newApiKey } from '../platform/ids';
import type { Logger } from '../platform/logger';
import { endWatch } from './end-watch';
import { agentActor } from '../store/audit';
import type { Agent } from '../store/collections/agents';
import { recordCommitted } from '../store/pendings';
import { swapKey } from '../store/transactions/swap-key';
import { startRelease } from './pausing';
import { commitVerified, type CodeCheckDeps } from './code-checks';

export interface KeySwapDeps extends CodeCheckDeps {
  orders: Orders;
}

/** The answer of a verified recovery or rotation; the key is shown this once. */
export interface NewKey {
  handle: string;
  apiKey: string;
}

/**
 * What recovery and rotation do with a right code: swap the key, then close every socket of the old one on every node
 * before anybody is answered. Dying after the swap, the flow closes them; the caller has no key and recovers again.
 */
export function swapVerified(
  deps: KeySwapDeps,
  flow: 'recovery' | 'rotation',
  pendingId: string,
  agent: Pick<Agent, '_id' | 'handle'>,
  expected: { keyVersion?: number } = {},
): Promise<NewKey> {
  const apiKey = newApiKey();
  const at = deps.clock.now();
  const swap = { agentId: agent._id, apiKeyHash: hashApiKey(apiKey), actor: agentActor(agent._id), at, ...expected };
  return commitVerified(deps, flow, pendingId, async (done) => {
    const { exOwnerId, ...swapped } = await swapKey(deps.database, swap, (made, session) =>
      recordCommitted(deps.database, { ...done, commit: made, at }, session),
    );
    const ended = { exOwnerId, agentId: agent._id, agentHandle: agent.handle, reason: 'key_rotated' as const };
    await Promise.all([closeSockets(deps, { ...swapped, reason: 'API key rotated' }), endWatch(deps, ended)]);
    // A pause ended with the old key; for latency only.
    void startRelease(deps, { id: agent._id, handle: agent.handle });
    return { commit: swapped, handle: agent.handle, apiKey };
  });
}

/**
 * Closes the agent's sockets on every node, after the commit that makes it right. Never fails its caller, whose commit
 * stands: nodes that an order cannot reach lose their lease, or look at their agents by themselves.
 */
export async function closeSockets(
  { orders, log }: { orders: Orders; log: Logger },
  { agentId, reason, keyVersion }: { agentId: string; reason: string; keyVersion?: number },
): Promise<void> {
  await orders
    .give({ kind: 'close', agentId, code: 1008, reason, ...(keyVersion === undefined ? {} : { keyVersion }) })
    .catch((error: unknown) => log.error({ event: 'order.not_given', agentId, err: error }));
}
