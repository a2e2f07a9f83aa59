import type { Agent } from '../schema/collections/agents';
import type { Block } from '../schema/collections/relations';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** A block with the account that it is about. */
export interface BlockRow {
  block: Block;
  agent: Pick<Agent, 'handle' | 'displayName' | 'avatarKey'>;
}

/** Accounts whose blocks are being hidden at one time, more than ever are; the worker takes them up in a second. */
const CHANGING_MAX = 1_000;

/**
 * A page of whom the agent blocks, newest first, and the size of the whole; deleted accounts left out. Served by one
 * index whatever the number of blocks.
 */
export async function listBlocks(
  database: Database,
  blockerId: string,
  page: { limit: number; offset: number },
): Promise<{ rows: BlockRow[]; total: number }> {
  const filter = { blockerId, isHidden: false, _id: { $nin: await findDeleted(database, blockerId) } };
  const [total, blocks] = await Promise.all([
    database.blocks.countDocuments(filter, READ),
    database.blocks
      .find(filter, { sort: { createdAt: -1, _id: 1 }, skip: page.offset, limit: page.limit, ...READ })
      .toArray(),
  ]);
  const agents = await database.agents
    .find(
      { _id: { $in: blocks.map(({ blockedId }) => blockedId) }, status: { $ne: 'deleted' } },
      { projection: { handle: 1, displayName: 1, avatarKey: 1 }, ...READ },
    )
    .toArray();
  const byId = new Map(agents.map((agent) => [agent._id, agent]));
  const rows = blocks.flatMap((block) => {
    const agent = byId.get(block.blockedId);
    return agent === undefined ? [] : [{ block, agent }];
  });
  return { rows, total };
}

/** Ids of those of the agent's blocks whose account was deleted so lately that they are not marked as hidden yet. */
async function findDeleted(database: Database, blockerId: string): Promise<string[]> {
  const changing = await database.outbox
    .find({ kind: 'contacts.visibility' }, { limit: CHANGING_MAX, ...READ })
    .toArray();
  const ids = changing.flatMap((row) => (row.kind === 'contacts.visibility' ? [row.targetId] : []));
  if (ids.length === 0) return [];
  const deleted = await database.agents
    .find({ _id: { $in: ids }, status: 'deleted' }, { projection: { _id: 1 }, ...READ })
    .toArray();
  return deleted.map(({ _id }) => `${blockerId}:${_id}`);
}
