import { findFacts } from '../../../store/agents/agent-facts';
import type { Database } from '../../../store/schema/database';
import type { Agent } from '../../../store/schema/collections/agents';
import { evictionOf, type Admission, type Refused } from './admission';
import type { Hub } from './hub';
import type { OpenSocket } from './open-socket';

const PAGE = 1_000;

/** Closes sockets whose account or key changed since they were opened, whatever orders did or did not say. */
export async function evictChanged(database: Database, sockets: OpenSocket[]): Promise<void> {
  const byAgent = new Map<string, OpenSocket[]>();
  for (const socket of sockets) {
    const id = socket.agent?._id;
    if (id !== undefined) byAgent.set(id, [...(byAgent.get(id) ?? []), socket]);
  }
  const ids = [...byAgent.keys()];
  for (let start = 0; start < ids.length; start += PAGE) {
    const page = ids.slice(start, start + PAGE);
    const current = await findFacts(database, page);
    for (const socket of page.flatMap((id) => byAgent.get(id) ?? [])) {
      const ended = socket.agent === null ? null : evictionOf(socket.agent, current.get(socket.agent._id) ?? null);
      if (ended !== null) socket.close(ended.code, ended.reason);
    }
  }
}

/**
 * Why a socket that was being admitted since `startedMs` has to end before it goes live; null = it does not. An order
 * that came after the agent was loaded last found no socket to close: load it again.
 */
export async function evictionSince(
  startedMs: number,
  agent: Pick<Agent, '_id' | 'keyVersion'>,
  { hub, admission }: { hub: Pick<Hub, 'wasOrdered'>; admission: Pick<Admission, 'recheck'> },
): Promise<Refused | null> {
  for (let sinceMs = startedMs; hub.wasOrdered(agent._id, sinceMs);) {
    sinceMs = performance.now();
    const ended = await admission.recheck(agent);
    if (ended !== null) return ended;
  }
  return null;
}
