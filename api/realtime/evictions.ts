import type { Database } from '../../store/database';
import type { Agent } from '../../store/collections/agents';
import { findSignedInSessions } from '../../store/watch/sessions';
import { evictionOf, type Admission, type Refused } from './admission';
import type { DashboardSession } from './dashboard-session';
import type { Hub } from './hub';
import type { Session } from './session';

const PAGE = 1_000;

/** Closes sockets whose account or key changed since they were opened, whatever orders did or did not say. */
export async function evictChanged(database: Database, sessions: Session[]): Promise<void> {
  const byAgent = new Map<string, Session[]>();
  for (const session of sessions) {
    const id = session.agent?._id;
    if (id !== undefined) byAgent.set(id, [...(byAgent.get(id) ?? []), session]);
  }
  const ids = [...byAgent.keys()];
  for (let start = 0; start < ids.length; start += PAGE) {
    const page = ids.slice(start, start + PAGE);
    const rows = await database.agents
      .find({ _id: { $in: page } }, { projection: { status: 1, keyVersion: 1 }, maxTimeMS: 5_000 })
      .toArray();
    const current = new Map(rows.map((row) => [row._id, row]));
    for (const session of page.flatMap((id) => byAgent.get(id) ?? [])) {
      const ended = session.agent === null ? null : evictionOf(session.agent, current.get(session.agent._id) ?? null);
      if (ended !== null) session.close(ended.code, ended.reason);
    }
  }
}

/** Closes dashboards whose session has ended, whatever orders did or did not say. */
export async function evictSignedOut(database: Database, sessions: DashboardSession[]): Promise<void> {
  const ids = [...new Set(sessions.flatMap(({ holder }) => (holder === null ? [] : [holder.sessionId])))];
  for (let start = 0; start < ids.length; start += PAGE) {
    const page = new Set(ids.slice(start, start + PAGE));
    const signedIn = await findSignedInSessions(database, [...page], new Date());
    for (const session of sessions) {
      const id = session.holder?.sessionId;
      if (id !== undefined && page.has(id) && !signedIn.has(id)) session.close(1008, 'Signed out');
    }
  }
}

/**
 * Why a socket that was being admitted since `startedMs` has to end before it goes live; null = it does not. An order
 * that came between the last look at the agent and now found no socket to close: look again.
 */
export async function evictionSince(
  startedMs: number,
  agent: Pick<Agent, '_id' | 'keyVersion'>,
  { hub, admission }: { hub: Hub; admission: Admission },
): Promise<Refused | null> {
  for (let sinceMs = startedMs; hub.wasOrdered(agent._id, sinceMs);) {
    sinceMs = performance.now();
    const ended = await admission.recheck(agent);
    if (ended !== null) return ended;
  }
  return null;
}
