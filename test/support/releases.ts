import { claim, signInOwner, type OwnersStack } from './owners';
import type { CallAnswer, TestAgent } from './agents';
import type { PauseMode } from '../../domain/guards';
import { createLogger } from '../../platform/logger';
import type { Database } from '../../store/schema/database';
import { createOrders } from '../../store/nodes/orders';
import { setPause } from '../../store/accounts/set-pause';
import type { SocketClient } from '../realtime/socket-client';

/**
 * Sets an owner's pause as the api does, from a process of its own: the commit, then the order. The flow hears of it by
 * the worker's relay.
 */
export async function flipPause(database: Database, agentId: string, mode: PauseMode): Promise<void> {
  await setPause(database, agentId, mode, new Date());
  const isObeyed = await createOrders({ database, log: createLogger('test', 'silent') }).give({
    kind: 'recheck',
    agentId,
  });
  if (!isObeyed) throw new Error('a node did not confirm');
}

/** Delivery positions of what a socket got, as its delivery ids say. */
export function positionsOf(client: SocketClient): number[] {
  return client.messages().map(({ delivery_id }) => Number.parseInt(delivery_id.slice(4, 16), 16));
}

/** `from`, `from + 1`, …: what a socket gets that misses nothing, repeats nothing and keeps the order. */
export function sequence(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** Runs `work` for each index, so many at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** An owner who holds these agents and sets their pause as the dashboard does. */
export async function pausingOwner(stack: OwnersStack, ...agents: TestAgent[]) {
  const owner = await signInOwner(stack);
  for (const agent of agents) await claim(owner, agent);
  const set = async (agent: TestAgent, mode: PauseMode, node = 0): Promise<CallAnswer> => {
    const path = `/dashboard/agents/${agent.agent.handle}`;
    const answer =
      mode === 'none'
        ? await owner.call('POST', `${path}/unpause`, { node })
        : await owner.call('POST', `${path}/pause`, { node, body: { mode } });
    if (answer.status !== 200) throw new Error(`the pause answered ${answer.status} ${answer.text}`);
    return answer;
  };
  return { owner, set };
}
