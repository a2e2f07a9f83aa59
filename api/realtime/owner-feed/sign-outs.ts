import type { Database } from '../../../store/schema/database';
import { findSignedInSessions } from '../../../store/owners/sessions';
import type { OpenDashboard } from './dashboards';

const PAGE = 1_000;

/** Closes dashboards whose session has ended, whatever orders did or did not say. */
export async function closeSignedOut(database: Database, dashboards: OpenDashboard[], now: Date): Promise<void> {
  const ids = [...new Set(dashboards.flatMap(({ holder }) => (holder === null ? [] : [holder.sessionId])))];
  for (let start = 0; start < ids.length; start += PAGE) {
    const page = new Set(ids.slice(start, start + PAGE));
    const signedIn = await findSignedInSessions(database, [...page], now);
    for (const dashboard of dashboards) {
      const id = dashboard.holder?.sessionId;
      if (id !== undefined && page.has(id) && !signedIn.has(id)) dashboard.close(1008, 'Signed out');
    }
  }
}
