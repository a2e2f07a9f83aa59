import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Owners of contact books that are looked at together. */
export const AUDIENCE_PAGE = 1_000;

/**
 * Who is shown the presence of `agentId` and holds a socket now, a page at a time: agents that have it in their book,
 * active or restricted, without a block in either direction (social.md §9.5). A full pause is the sockets' own business.
 */
export async function* presenceAudience(database: Database, agentId: string): AsyncGenerator<string[]> {
  for await (const owners of contactBookOwners(database, agentId)) {
    const online = await database.connections.distinct('agentId', { agentId: { $in: owners } });
    const shown = await withoutBlocked(database, agentId, await visibleOf(database, online));
    if (shown.length > 0) yield shown;
  }
}

/** Whose contact books `agentId` is in, a page at a time. */
export async function* contactBookOwners(database: Database, agentId: string): AsyncGenerator<string[]> {
  for (let after = ''; ;) {
    const rows = await database.contacts
      .find(
        { contactId: agentId, isHidden: false, ownerId: { $gt: after } },
        { projection: { ownerId: 1 }, sort: { ownerId: 1 }, limit: AUDIENCE_PAGE, ...READ },
      )
      .toArray();
    const owners = rows.map(({ ownerId }) => ownerId);
    if (owners.length > 0) yield owners;
    const last = owners.at(-1);
    if (last === undefined || rows.length < AUDIENCE_PAGE) return;
    after = last;
  }
}

async function visibleOf(database: Database, agentIds: string[]): Promise<string[]> {
  if (agentIds.length === 0) return [];
  const rows = await database.agents
    .find({ _id: { $in: agentIds }, status: { $in: ['active', 'restricted'] } }, { projection: { _id: 1 }, ...READ })
    .toArray();
  return rows.map(({ _id }) => _id);
}

/** Those of `others` between whom and `agentId` there is no block. */
export async function withoutBlocked(database: Database, agentId: string, others: string[]): Promise<string[]> {
  if (others.length === 0) return [];
  const ids = others.flatMap((other) => [`${agentId}:${other}`, `${other}:${agentId}`]);
  const rows = await database.blocks
    .find({ _id: { $in: ids } }, { projection: { blockerId: 1, blockedId: 1 }, ...READ })
    .toArray();
  const blocked = new Set(rows.flatMap(({ blockerId, blockedId }) => [blockerId, blockedId]));
  return others.filter((other) => !blocked.has(other));
}
