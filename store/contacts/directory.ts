import type { ClientSession } from 'mongodb';
import { isListed } from '../../domain/directory';
import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** What the directory shows of an agent. */
export type DirectoryRow = Pick<Agent, '_id' | 'handle' | 'displayName' | 'description' | 'avatarKey' | 'createdAt'>;

export interface DirectoryQuery {
  /** Literal beginning of handles. */
  prefix: string;
  limit: number;
  offset: number;
}

const SHOWN = { handle: 1, displayName: 1, description: 1, avatarKey: 1, createdAt: 1 } as const;

/** The first text behind everything that starts with `prefix`: handles hold nothing above `z`. */
const behind = (prefix: string): string => `${prefix}{`;

/**
 * Listed agents whose handle starts with `prefix`, by handle, and how many there are: one index range, whatever else is
 * registered. Pages behind `offsetMax` are empty. The last page needs no count.
 */
export async function searchDirectory(
  database: Database,
  { prefix, limit, offset }: DirectoryQuery,
  offsetMax: number,
): Promise<{ rows: DirectoryRow[]; total: number }> {
  const filter = { isListed: true, handle: { $gte: prefix, $lt: behind(prefix) } };
  const rows =
    offset > offsetMax
      ? []
      : await database.agents
          .find(filter, { projection: SHOWN, sort: { handle: 1 }, skip: offset, limit, ...READ })
          .toArray();
  const isLastPage = rows.length < limit && (rows.length > 0 || offset === 0);
  const total = isLastPage ? offset + rows.length : await database.agents.countDocuments(filter, READ);
  return { rows, total };
}

/** Which of `agentIds` are in the contact book of `ownerId`: one look-up by id. */
export async function findInBook(database: Database, ownerId: string, agentIds: string[]): Promise<Set<string>> {
  const entries = await database.contacts
    .find(
      { _id: { $in: agentIds.map((id) => `${ownerId}:${id}`) } },
      { projection: { contactId: 1 }, limit: agentIds.length, ...READ },
    )
    .toArray();
  return new Set(entries.map(({ contactId }) => contactId));
}

/**
 * Lists or unlists an agent as its row now is, in the transaction that changed the row: whoever sees the change finds
 * the directory right.
 */
export async function writeListed(database: Database, agentId: string, session: ClientSession): Promise<void> {
  const agent = await database.agents.findOne({ _id: agentId }, { session });
  if (agent === null || agent.isListed === isListed(agent)) return;
  await database.agents.updateOne({ _id: agentId }, { $set: { isListed: isListed(agent) } }, { session });
}
