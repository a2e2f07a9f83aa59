import { BoundedMap } from '../../platform/bounded-map';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { noteTyping } from '../../store/gateway/executions';
import type { Database } from '../../store/schema/database';
import type { Turns } from './turns';

/** Agents type in bursts: one look in so long is enough for silence that is counted in minutes. */
const LOOK_MS = 10_000;
const CONVERSATIONS_MAX = 10_000;

/**
 * What typing says of turns: the agent has them, and is at work (gateway.md §8.2). A sign that is lost costs nothing but a
 * turn that ends as silent although its agent typed.
 * @returns notes that an agent types in a conversation; never throws
 */
export function createTypingSigns({
  database,
  clock,
  log,
  turns,
}: {
  database: Database;
  clock: Clock;
  log: Logger;
  turns: Pick<Turns, 'changed'>;
}): (agentId: string, conversationId: string) => Promise<void> {
  const looked = new BoundedMap<string, number>(CONVERSATIONS_MAX);
  return async (agentId, conversationId) => {
    const key = `${agentId}:${conversationId}`;
    const nowMs = performance.now();
    if (nowMs - (looked.get(key) ?? -Infinity) < LOOK_MS) return;
    looked.set(key, nowMs);
    try {
      for (const id of await noteTyping(database, { agentId, conversationId }, clock.now())) turns.changed(id);
    } catch (error) {
      log.warn({ event: 'turn.typing_not_noted', err: error });
    }
  };
}
