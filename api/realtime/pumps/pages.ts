import type { InboxInGuard, Release } from '../../../domain/guards';
import type { Agent } from '../../../store/schema/collections/agents';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import {
  findSyncedUpTo,
  readLive,
  readReleased,
  readStored,
  type InboxPage,
  type InboxRow,
} from '../../../store/inbox/inbox';

/** The inbox as a socket found it when it was opened. */
export interface Opened {
  /** The last position then: up to it the rows are the socket's backlog, muted ones too. */
  head: number;
  /** Of the owner's pause then: what a later end of one left is owed to this socket. */
  pauseEpoch: number;
}

/**
 * What the pump reads next, up to a position. `drain`: what was stored when the socket was opened. `release`: what a pause
 * left that ended while the socket was open. `live`: what came since.
 */
export type PlannedPage = InboxPage & { upTo: number } & (
    { kind: 'drain' } | { kind: 'release'; since: Date } | { kind: 'live' }
  );

export function openedAt({ nextPosition, pauseEpoch = 0 }: InboxInGuard): Opened {
  return { head: nextPosition - 1, pauseEpoch };
}

/** The next page of a pump that stands at `cursor`; null when it has everything. */
export function planPage(
  { nextPosition, writtenOff, release }: Pick<InboxInGuard, 'nextPosition' | 'writtenOff' | 'release'>,
  { cursor, opened, limit }: { cursor: number; opened: Opened; limit: number },
): PlannedPage | null {
  const head = nextPosition - 1;
  if (cursor >= head) return null;
  const isBacklog = cursor < opened.head;
  const page = { after: cursor, limit, includeMuted: isBacklog, writtenOff };
  const upTo = isBacklog ? opened.head : head;
  if (release !== undefined && isOwed(release, cursor, opened)) {
    return { ...page, kind: 'release', upTo: Math.min(upTo, release.upTo), since: release.at };
  }
  return { ...page, kind: isBacklog ? 'drain' : 'live', upTo };
}

/** A socket that was opened after the pause had ended drains what is stored, as any other. */
function isOwed({ epoch, upTo }: Release, cursor: number, opened: Opened): boolean {
  return cursor < upTo && opened.pauseEpoch < epoch;
}

export async function readPage(
  { database, agents }: { database: Database; agents: AgentReader },
  agent: Pick<Agent, '_id' | 'inboxSalt'>,
  page: PlannedPage,
): Promise<InboxRow[]> {
  if (page.kind === 'drain') return readStored(database, agents, agent, page);
  if (page.kind === 'live') return readLive(database, agents, agent, page);
  const syncedUpTo = await findSyncedUpTo(database, agent._id);
  return readReleased(database, agents, agent, { ...page, syncedUpTo });
}
