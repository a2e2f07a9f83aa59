import type { Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import { transitionId, type EnforcementTransition } from '../schema/collections/enforcement';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { publishToOwnersOf } from '../nodes/publish-to-owners';

/** The close of sockets whose agent was suspended (social.md §5.5). */
export const SUSPENDED_CLOSE = { code: 1008, reason: 'Account suspended' } as const;

/**
 * What a transition demands beside its own transaction: sockets of a suspended agent are closed on all nodes, and its
 * owner's dashboards and an operator are told. May run any number of times: closed sockets stay closed, the notice carries the transition's id,
 * and the mark at the end makes later runs return at once. An older transition closes nothing when the agent has been
 * reinstated since.
 * @returns the transition for the one run that marked it as settled, null for all others
 */
export async function settleTransition(
  { database, orders, log }: { database: Database; orders: Orders; log: Logger },
  agentId: string,
  number: number,
): Promise<Pick<EnforcementTransition, 'from' | 'to' | 'source'> | null> {
  const _id = transitionId(agentId, number);
  const transition = await database.enforcementTransitions.findOne({ _id }, READ);
  if (transition === null || transition.settledAt !== null) return null;
  const agent = await database.agents.findOne({ _id: agentId }, { projection: { status: 1, handle: 1 }, ...SAFE_READ });
  if (transition.to === 'suspended' && agent?.status === 'suspended') {
    const isDone = await orders.give({ kind: 'close', agentId, ...SUSPENDED_CLOSE });
    if (!isDone) throw new Error('a node has not closed its sockets yet');
  }
  await publishToOwnersOf({ database, log }, [{ agentId, scopes: ['profile', 'events'] }]);
  const { from, to, source, trigger, counts, operator } = transition;
  log.warn({
    event: 'enforcement.transition',
    transition: _id,
    agent: agent?.handle,
    from,
    to,
    source,
    trigger,
    counts,
    operator,
  });
  const mark = { $set: { settledAt: new Date() } };
  const { modifiedCount } = await database.enforcementTransitions.updateOne({ _id, settledAt: null }, mark);
  return modifiedCount === 1 ? { from, to, source } : null;
}
