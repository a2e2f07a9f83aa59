import type { Orders } from '../../platform/bus';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { closeSockets } from './close-sockets';
import { endOwnerFeed } from './end-owner-feed';
import { agentActor } from '../../store/schema/audit';
import type { Agent } from '../../store/schema/collections/agents';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { recordCommitted } from '../../store/verification/pendings';
import { swapKey } from '../../store/accounts/swap-key';
import { startRelease } from './start-release';
import { commitVerified, type CodeCheckDeps } from './prove-code';

export interface KeySwapDeps extends CodeCheckDeps {
  orders: Orders;
}

/** A key that replaced another; it is shown this once. */
export interface NewKey {
  handle: string;
  apiKey: string;
}

/** The answer of a verified recovery or rotation. */
export interface VerifiedKey extends NewKey {
  /** In force when the key was replaced: whoever held the old one may have left them. */
  webhooks: Webhook[];
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
): Promise<VerifiedKey> {
  const apiKey = newApiKey();
  const at = deps.clock.now();
  const swap = { agentId: agent._id, apiKeyHash: hashApiKey(apiKey), actor: agentActor(agent._id), at, ...expected };
  return commitVerified(deps, flow, pendingId, async (done) => {
    const { exOwnerId, webhooks, ...swapped } = await swapKey(deps.database, swap, (made, session) =>
      recordCommitted(deps.database, { ...done, commit: made, at }, session),
    );
    const ended = { exOwnerId, agentId: agent._id, agentHandle: agent.handle, reason: 'key_rotated' as const };
    await Promise.all([closeSockets(deps, { ...swapped, reason: 'API key rotated' }), endOwnerFeed(deps, ended)]);
    // A pause ended with the old key; for latency only.
    void startRelease(deps, { id: agent._id, handle: agent.handle });
    return { commit: swapped, handle: agent.handle, apiKey, webhooks };
  });
}
