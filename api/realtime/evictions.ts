import type { Database } from '../../store/database';
import { evictionOf } from './admission';
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
